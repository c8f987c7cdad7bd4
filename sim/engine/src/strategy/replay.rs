//! Following decisions that were taken before, and the engine's ways to run an execution again.

use std::collections::{BTreeMap, BTreeSet};

use crate::decision::{Decisions, Departure, Kind, Place};
use crate::log::LogStep;
use crate::{ChoicePoint, Decision, Engine, Nondeterminism, Outcome, Strategy, TaskId, TaskKey};

/// Runs one execution under given [`Decisions`]. Where they say nothing, or ask for something
/// impossible, the default applies.
#[derive(Clone, Debug)]
pub struct Replay {
    decisions: BTreeMap<Place, u64>,
    asked: BTreeMap<(Kind, TaskKey, u32), u32>,
    used: usize,
}

impl Replay {
    /// A replay of these decisions. Of several for one place, the first counts.
    #[must_use]
    pub fn new(decisions: Decisions) -> Self {
        let mut map = BTreeMap::new();
        for departure in decisions.departures() {
            map.entry(departure.place).or_insert(departure.value);
        }
        Self { decisions: map, asked: BTreeMap::new(), used: 0 }
    }

    /// How many of the decisions were asked for and could be followed.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used
    }
}

impl Strategy for Replay {
    fn begin(&mut self, _index: u64) -> bool {
        self.asked.clear();
        self.used = 0;
        true
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        let place =
            Place { kind: Kind::Run, task: at.key(at.current()), site: 0, ordinal: at.ordinal() };
        let default = at.default_task();
        let Some(value) = self.decisions.get(&place) else { return default };
        let wanted = TaskKey::from_bits(*value);
        let found = (0..at.len()).map(|n| at.nth(n)).find(|task| at.key(*task) == wanted);
        self.used += usize::from(found.is_some());
        found.unwrap_or(default)
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        let count = self.asked.entry((at.kind, at.key, at.site.hash())).or_default();
        let place = Place { kind: at.kind, task: at.key, site: at.site.hash(), ordinal: *count };
        *count += 1;
        let value = self.decisions.get(&place).and_then(|v| u32::try_from(*v).ok()).unwrap_or(0);
        let value = if value < at.arity { value } else { 0 };
        self.used += usize::from(value != 0);
        value
    }
}

impl Engine {
    /// Runs `main` under the decisions of an execution that was run before.
    ///
    /// # Panics
    ///
    /// As [`execute`](Self::execute) does.
    pub fn replay(
        &mut self,
        decisions: &Decisions,
        main: impl Future<Output = ()> + Send + 'static,
    ) -> Outcome {
        let replay = Replay::new(decisions.clone());
        self.execute_under(replay, main).expect("a replay always runs")
    }

    /// The first of `decisions` that the last execution did not take, and how many it did not. A
    /// decision that has become the default counts as not taken: it departs from nothing.
    #[must_use]
    pub fn left_over(&self, decisions: &Decisions) -> Option<(Departure, usize)> {
        let taken: BTreeSet<Departure> = self.decisions().departures().iter().copied().collect();
        let mut left = decisions.departures().iter().filter(|departure| !taken.contains(departure));
        left.next().map(|first| (*first, 1 + left.count()))
    }

    /// A digest of the last execution's steps up to its last decision: whose each of them was, by
    /// the tasks' names. `None` if it is the default schedule.
    #[must_use]
    pub fn prefix_digest(&self) -> Option<u32> {
        let departed =
            (0..).zip(LogStep::settled(self.log())).filter(|(_, (_, departed))| *departed);
        let last_departed = departed.map(|(step, _)| step).last();
        let answers = self.answers().iter().filter(|answer| answer.value != 0);
        let last = answers.map(|answer| answer.step).max().max(last_departed)?;
        let mut hasher = crc32fast::Hasher::new();
        for (_, task) in (0..=last).zip(self.trace()) {
            hasher.update(self.task_name(task).as_bytes());
            // No UTF-8 has this byte.
            hasher.update(&[0xff]);
        }
        Some(hasher.finalize())
    }

    /// The task of the last execution with this key. The clock is none.
    #[must_use]
    pub fn task_with_key(&self, key: TaskKey) -> Option<TaskId> {
        (0..)
            .map(TaskId::from_index)
            .zip(self.keys())
            .find(|(_, other)| *other == key)
            .map(|(task, _)| task)
    }

    /// Runs the last execution once more, given its program afresh, and compares every step and
    /// decision.
    ///
    /// # Errors
    ///
    /// The first step at which the two differ: the program depends on something other than its
    /// decisions, such as the real time, the iteration order of a `HashMap`, or state left over
    /// from one execution to the next.
    ///
    /// # Panics
    ///
    /// As [`execute`](Self::execute) does.
    pub fn repeat(
        &mut self,
        last: &Outcome,
        main: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Nondeterminism> {
        let replay = Replay::new(self.decisions());
        self.repeat_under(replay, last, main)
    }
}

//! Following decisions that were taken before, and the engine's ways to run an execution again.

use std::collections::BTreeMap;

use crate::decision::{Decisions, Kind, Place};
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

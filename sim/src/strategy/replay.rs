//! Following decisions that were taken before.

use std::collections::BTreeMap;

use crate::decision::{Decisions, Kind, Place};
use crate::engine::{ChoicePoint, Decision, Strategy, TaskId, TaskKey};

/// Runs one execution under given [`Decisions`]; where they are silent, or ask for what cannot be,
/// by default.
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

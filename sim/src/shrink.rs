//! Making a schedule smaller while it still shows what it was kept for.
//!
//! What is deleted is a departure from the default: a switch to another task, a fault, a value. Decisions are keyed so
//! that the others stay in place. The search is the "ddmin" of Zeller and Hildebrandt, "Simplifying and isolating
//! failure-inducing input" (IEEE Transactions on Software Engineering 28, 2002): ever smaller runs of departures are
//! left out, until none can be. Then the values that are left are lowered. It is deterministic, and bounded.

use crate::decision::{Decisions, Departure, Kind};

/// A schedule that was made smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shrunk {
    /// What is left.
    pub(crate) decisions: Decisions,
    /// How many executions were run for it.
    pub(crate) executions: u32,
}

/// Makes `decisions` smaller with at most `budget` executions.
///
/// `shows` executes decisions; if the execution still shows what is wanted, it gives back those that were really taken.
pub(crate) fn shrink(
    decisions: &Decisions,
    budget: u32,
    shows: impl FnMut(&Decisions) -> Option<Decisions>,
) -> Shrunk {
    let mut shrinker = Shrinker { best: decisions.departures().to_vec(), left: budget, shows };
    while shrinker.leave_out() | shrinker.lower() {}
    Shrunk { decisions: Decisions::new(shrinker.best), executions: budget - shrinker.left }
}

struct Shrinker<F> {
    best: Vec<Departure>,
    left: u32,
    shows: F,
}

impl<F: FnMut(&Decisions) -> Option<Decisions>> Shrinker<F> {
    /// Executes `candidate`, and keeps what it came to if that shows the same and is smaller.
    fn accepts(&mut self, candidate: Vec<Departure>) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        let Some(taken) = (self.shows)(&Decisions::new(candidate)) else { return false };
        let smaller = size(taken.departures()) < size(&self.best);
        if smaller {
            self.best = taken.departures().to_vec();
        }
        smaller
    }

    /// Leaves out runs of departures, the longest first. Tells whether any could be.
    fn leave_out(&mut self) -> bool {
        let mut any = false;
        let mut length = self.best.len();
        while length > 0 {
            let mut start = 0;
            while start < self.best.len() && self.left > 0 {
                let end = (start + length).min(self.best.len());
                let mut candidate = self.best.clone();
                candidate.drain(start..end);
                if self.accepts(candidate) {
                    any = true;
                } else {
                    start = end;
                }
            }
            length = (length / 2).min(self.best.len());
        }
        any
    }

    /// Lowers values, to 1 or by half. Tells whether any could be.
    fn lower(&mut self) -> bool {
        let mut any = false;
        let mut place = 0;
        while let Some(departure) = self.best.get(place) {
            let value = departure.value;
            let lower = if departure.place.kind == Kind::Run { 1 } else { value };
            any |= [1, value / 2].into_iter().filter(|new| (1..lower).contains(new)).any(|new| {
                let mut candidate = self.best.clone();
                candidate[place].value = new;
                self.accepts(candidate)
            });
            place += 1;
        }
        any
    }
}

/// How big a schedule is: by the number of its departures, then by the sum of its values.
fn size(departures: &[Departure]) -> (usize, u64) {
    let values = departures.iter().filter(|departure| departure.place.kind != Kind::Run);
    (departures.len(), values.fold(0, |sum, departure| sum.saturating_add(departure.value)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decision::Place;
    use crate::engine::TaskKey;

    fn departure(ordinal: u32, value: u64) -> Departure {
        let place = Place { kind: Kind::Choice, task: TaskKey::MAIN, site: 0, ordinal };
        Departure { place, value }
    }

    fn decisions(values: &[(u32, u64)]) -> Decisions {
        values.iter().map(|(ordinal, value)| departure(*ordinal, *value)).collect()
    }

    /// Whether every wanted departure is there, with at least the wanted value.
    fn has(decisions: &Decisions, wanted: &[(u32, u64)]) -> bool {
        wanted.iter().all(|(ordinal, least)| {
            let of_place = |d: &&Departure| d.place.ordinal == *ordinal;
            decisions.departures().iter().find(of_place).is_some_and(|d| d.value >= *least)
        })
    }

    proptest! {
        #[test]
        fn what_is_left_is_what_is_needed(
            wanted in proptest::collection::btree_set(0..60_u32, 0..5),
            size in 60..100_u32,
        ) {
            let wanted: Vec<(u32, u64)> = wanted.into_iter().map(|ordinal| (ordinal, 1)).collect();
            let all: Vec<(u32, u64)> = (0..size).map(|n| (n, u64::from(n % 7) + 1)).collect();
            let run = |d: &Decisions| has(d, &wanted).then(|| d.clone());
            let shrunk = shrink(&decisions(&all), 10_000, run);
            prop_assert_eq!(&shrunk.decisions, &decisions(&wanted));
            prop_assert_eq!(shrink(&decisions(&all), 10_000, run), shrunk);
        }
    }

    #[test]
    fn values_are_lowered_as_far_as_they_go_by_halves() {
        let run = |d: &Decisions| has(d, &[(3, 10)]).then(|| d.clone());
        let shrunk = shrink(&decisions(&[(1, 5), (3, 90), (4, 1)]), 1_000, run);
        assert_eq!(shrunk.decisions, decisions(&[(3, 11)]));
    }

    #[test]
    fn the_budget_is_kept() {
        let all: Vec<(u32, u64)> = (0..1_000).map(|n| (n, 1)).collect();
        let mut executions = 0;
        let shrunk = shrink(&decisions(&all), 37, |d| {
            executions += 1;
            has(d, &[(0, 1), (500, 1), (999, 1)]).then(|| d.clone())
        });
        assert_eq!((executions, shrunk.executions), (37, 37));
        assert!(has(&shrunk.decisions, &[(0, 1), (500, 1), (999, 1)]));
    }

    #[test]
    fn what_an_execution_did_not_take_is_gone_at_once() {
        let all: Vec<(u32, u64)> = (0..1_000).map(|n| (n, 1)).collect();
        let taken = decisions(&[(7, 1)]);
        let shrunk = shrink(&decisions(&all), 100, |d| has(d, &[(7, 1)]).then(|| taken.clone()));
        assert_eq!(shrunk.decisions, taken);
        assert!(shrunk.executions < 10);
    }
}

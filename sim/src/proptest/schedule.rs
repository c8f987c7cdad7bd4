//! Making a schedule smaller.

use crate::decision::{Decisions, Departure, Kind};

/// A schedule that breaks a test, and smaller ones that may break it too: first with fewer
/// decisions, halves of them left out, then quarters, and so on to single ones, and then with lower
/// values.
#[derive(Clone, Debug)]
pub(super) struct ScheduleTree {
    /// The smallest one that broke the test.
    known: Decisions,
    /// The one that is being tried; `None` if that is the known one.
    tried: Option<Decisions>,
    next: Next,
}

/// What is tried next.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// Leaves out this number of decisions, from this one on.
    LeaveOut {
        count: usize,
        from: usize,
        /// Whether any were left out since the first of them was tried.
        found: bool,
    },
    /// Lowers the value of this decision.
    Lower(usize),
}

impl ScheduleTree {
    pub(super) fn new(known: Decisions) -> Self {
        let next = Next::LeaveOut { count: known.len(), from: 0, found: false };
        Self { known, tried: None, next }
    }

    pub(super) fn current(&self) -> &Decisions {
        self.tried.as_ref().unwrap_or(&self.known)
    }

    /// The smallest one that broke the test.
    pub(super) fn known(&self) -> &Decisions {
        &self.known
    }

    /// Tries a smaller one, for the current one breaks the test. `taken` are the decisions that
    /// were taken then, as far as they are known: those that nothing asked for are none of them.
    pub(super) fn simplify(&mut self, taken: &Decisions) -> bool {
        if let Some(tried) = self.tried.take() {
            self.known = if size(taken) <= size(&tried) { taken.clone() } else { tried };
            match &mut self.next {
                Next::LeaveOut { found, .. } => *found = true,
                Next::Lower(at) => *at += 1,
            }
        }
        self.tried = self.candidate();
        self.tried.is_some()
    }

    /// Goes back to the last one that broke the test, for the current one does not.
    pub(super) fn complicate(&mut self) {
        if self.tried.take().is_some() {
            match &mut self.next {
                Next::LeaveOut { count, from, .. } => *from += *count,
                Next::Lower(at) => *at += 1,
            }
        }
    }

    fn candidate(&mut self) -> Option<Decisions> {
        let departures = self.known.departures();
        loop {
            match &mut self.next {
                Next::LeaveOut { count, from, found } if *count > 0 => {
                    if *from < departures.len() {
                        let left_out = *from..from.saturating_add(*count);
                        let kept = departures.iter().enumerate();
                        let kept = kept.filter(|(at, _)| !left_out.contains(at));
                        return Some(kept.map(|(_, departure)| *departure).collect());
                    }
                    // Single ones are tried until none of them can be left out.
                    let again = *count == 1 && *found;
                    self.next = Next::LeaveOut {
                        count: if again { 1 } else { *count / 2 },
                        from: 0,
                        found: false,
                    };
                }
                Next::LeaveOut { .. } => self.next = Next::Lower(0),
                Next::Lower(at) => {
                    let lowest = |departure: &Departure| {
                        departure.place.kind == Kind::Run || departure.value <= 1
                    };
                    *at += departures.get(*at..)?.iter().take_while(|d| lowest(d)).count();
                    let mut lowered = departures.to_vec();
                    lowered.get_mut(*at)?.value = 1;
                    return Some(Decisions::new(lowered));
                }
            }
        }
    }
}

/// How big a schedule is: decisions, then what their values add up to.
pub(super) fn size(decisions: &Decisions) -> (usize, u64) {
    let chosen = decisions.departures().iter().filter(|of| of.place.kind != Kind::Run);
    (decisions.len(), chosen.fold(0, |sum, of| sum.saturating_add(of.value)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::decision::Place;
    use crate::engine::TaskKey;

    /// Decisions at places of their own.
    fn decisions(kinds_and_values: &[(bool, u64)]) -> Decisions {
        let departure = |(ordinal, (switch, value)): (u32, &(bool, u64))| Departure {
            place: Place {
                kind: if *switch { Kind::Run } else { Kind::Choice },
                task: TaskKey::from_bits(1),
                site: 0,
                ordinal,
            },
            value: *value,
        };
        (0..).zip(kinds_and_values).map(departure).collect()
    }

    /// Makes decisions smaller as a test runner does, and checks each step on the way.
    fn shrunk(known: &Decisions, breaks: &dyn Fn(&Decisions) -> bool) -> Decisions {
        let mut tree = ScheduleTree::new(known.clone());
        let mut last = known.clone();
        let mut tried = tree.simplify(known);
        // Less than a try for each decision and each one that is left out, and for each value.
        let most = (known.len() + 2) * (known.len() + 4) * 2;
        for _ in 0..most {
            if !tried {
                assert_eq!(tree.current(), &last);
                return last;
            }
            assert!(size(tree.current()) < size(&last), "{tree:?}");
            if breaks(tree.current()) {
                last = tree.current().clone();
            } else {
                tree.complicate();
                assert_eq!(tree.current(), &last);
            }
            tried = tree.simplify(&last.clone());
        }
        panic!("it goes on for ever: {tree:?}");
    }

    proptest! {
        #[test]
        fn what_is_needed_is_left_and_nothing_else(
            all in vec((any::<bool>(), 1..9_u64, any::<bool>()), 0..20)
        ) {
            let pairs: Vec<(bool, u64)> =
                all.iter().map(|(switch, value, _)| (*switch, *value)).collect();
            let known = decisions(&pairs);
            let needed: BTreeSet<Place> = known
                .departures()
                .iter()
                .zip(&all)
                .filter(|(_, (.., needed))| *needed)
                .map(|(departure, _)| departure.place)
                .collect();
            let places = |decisions: &Decisions| -> BTreeSet<Place> {
                decisions.departures().iter().map(|departure| departure.place).collect()
            };
            let smallest = shrunk(&known, &|tried| needed.is_subset(&places(tried)));
            prop_assert_eq!(places(&smallest), needed);
            let high = |d: &Departure| d.place.kind != Kind::Run && d.value > 1;
            prop_assert!(!smallest.departures().iter().any(high));
        }

        /// Whatever breaks the test, no single decision more can be left out.
        #[test]
        fn the_smallest_is_smallest_by_one_decision(
            pairs in vec((any::<bool>(), 1..9_u64), 0..16),
            salt in any::<u64>(),
        ) {
            let known = decisions(&pairs);
            let breaks = |tried: &Decisions| {
                let start = salt | 1;
                let sum = tried.departures().iter().fold(start, |sum, of| {
                    sum.wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(of.value ^ u64::from(of.place.ordinal))
                });
                tried == &known || (sum >> 60) < 5
            };
            let smallest = shrunk(&known, &breaks);
            prop_assert!(breaks(&smallest));
            // Values are lowered last, and that may make another one superfluous.
            let lowered = smallest.departures().iter().any(|of| {
                known.departures().iter().all(|known| known != of)
            });
            if !lowered {
                for at in 0..smallest.len() {
                    let mut fewer = smallest.departures().to_vec();
                    fewer.remove(at);
                    prop_assert!(!breaks(&Decisions::new(fewer)));
                }
            }
        }
    }
}

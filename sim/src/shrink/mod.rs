//! Making a counterexample smaller: its scenario and its schedule together.
//!
//! What is smaller is said by [`Size`](size::Size), an order on sequences of numbers in which the
//! first difference decides: fewer things that go wrong, then fewer tasks, less work, fewer context
//! switches, fewer decisions, smaller values, shorter virtual time. (Hypothesis orders its inputs
//! so, by length and then from the left: MacIver and Donaldson, "Test-Case Reduction via Test-Case
//! Generation: Insights from the Hypothesis Reducer", ECOOP 2020.) Whatever is kept was run, and
//! shows the same defect.
//!
//! The [scenario](scenario) is made smaller number by number. A schedule of the larger one may not
//! fit the smaller one: then the order of its steps is followed as far as it goes, and if that does
//! not show the defect, other schedules are tried. The [schedule](schedule) is made smaller by
//! leaving out decisions, by the "ddmin" of Zeller and Hildebrandt, "Simplifying and Isolating
//! Failure-Inducing Input" (IEEE Transactions on Software Engineering 28, 2002), by joining
//! steps of one task that others come between, and by lowering values. Both take turns until
//! neither finds anything.
//!
//! It is deterministic, and ends with its [`Budget`] at the latest.

mod scenario;
mod schedule;
mod size;
mod trial;

pub(crate) use size::switches;
pub(crate) use trial::{Budget, Ran, Shown, Trial};

use crate::engine::Limits;
use crate::world::{Changes, Scenario, World};

/// A counterexample that was made smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shrunk {
    /// How its scenario differs.
    pub(crate) changes: Changes,
    /// The execution.
    pub(crate) shown: Shown,
}

/// Makes `shown`, an execution of the scenario `base` with `changes`, as small as it gets. `None`
/// if `changes` leave no scenario.
///
/// `account` is the account that the defect is in, if it is in one.
pub(crate) fn shrink(
    trial: &mut Trial<'_>,
    base: &Scenario,
    changes: Changes,
    shown: Shown,
    account: Option<u32>,
) -> Option<Shrunk> {
    let (world, limits) = (trial.make)(&changes)?;
    let mut best = Best { changes, world, limits, shown };
    schedule::leave_out(trial, &mut best);
    scenario::only_account(trial, base, &mut best, account);
    while !trial.is_over() {
        let before = best.shown.size;
        scenario::shrink(trial, base, &mut best);
        schedule::shrink(trial, &mut best);
        if best.shown.size == before {
            break;
        }
    }
    Some(Shrunk { changes: best.changes.without_idle(base), shown: best.shown })
}

/// The smallest so far.
struct Best {
    changes: Changes,
    world: World,
    limits: Limits,
    shown: Shown,
}

impl Best {
    /// Takes what is smaller.
    fn accept(&mut self, shown: Option<Shown>) -> bool {
        let Some(shown) = shown.filter(|shown| shown.size < self.shown.size) else { return false };
        self.shown = shown;
        true
    }
}

//! Making a counterexample smaller: its scenario and its schedule together.
//!
//! [`Size`](size::Size) defines what is smaller: an order on sequences of numbers in which the
//! first difference decides: fewer things that go wrong, then fewer tasks, less work, fewer context
//! switches, fewer decisions, smaller values, shorter virtual time. (Hypothesis orders its inputs
//! so, by length and then from the left: MacIver and Donaldson, "Test-Case Reduction via Test-Case
//! Generation: Insights from the Hypothesis Reducer", ECOOP 2020.) Everything that is kept was run,
//! and shows the same defect.
//!
//! The [scenario](scenario) is made smaller number by number. A schedule of the larger one may not
//! fit the smaller one: then the order of its steps is followed as far as it goes, and if that does
//! not show the defect, other schedules are tried. The [schedule] is made smaller by the engine.
//! Both take turns until neither finds anything. The work of a long execution is made little before
//! all else, all of it at once: its schedule has too many decisions to leave out one after another.
//!
//! It is deterministic, and ends with its [`TrialBudget`] at the latest.

mod scenario;
mod size;
mod times;
mod trial;

use mapi_sync_engine::shrink::{self as schedule, leave_out};
pub(crate) use scenario::{reaches_a_program, reaches_any_provider};
pub(crate) use size::switches;
pub(crate) use trial::{TrialBudget, TrialRunner};

use self::size::Size;
use crate::engine::Limits;
use crate::world::{Changes, Scenario, World};

/// An execution of this many steps, or more, is made smaller in its scenario first.
const LONG: usize = 2_000;

/// An execution of some world.
pub(crate) type Witness = schedule::Witness<Size>;

/// A counterexample that was made smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shrunk {
    /// How its scenario differs.
    pub(crate) changes: Changes,
    /// The execution.
    pub(crate) witness: Witness,
}

/// Makes `witness`, an execution of the scenario `base` with `changes`, as small as it gets. `None`
/// if `changes` leave no scenario.
///
/// `account` is the account that the defect is in, if it is in one.
pub(crate) fn shrink(
    runner: &mut TrialRunner<'_>,
    base: &Scenario,
    changes: Changes,
    witness: Witness,
    account: Option<u32>,
) -> Option<Shrunk> {
    let (world, limits) = (runner.make)(&changes)?;
    let mut best = Best { changes, world, limits, witness };
    times::shrink(&mut runner.in_world(&best.world), &mut best.witness);
    if !best.is_long() {
        leave_out(&mut runner.in_world(&best.world), &mut best.witness);
    }
    scenario::only_account(runner, base, &mut best, account);
    if best.is_long() {
        scenario::only_a_little_work(runner, base, &mut best);
    }
    while !runner.is_over() {
        let before = best.witness.size;
        scenario::shrink(runner, base, &mut best);
        times::shrink(&mut runner.in_world(&best.world), &mut best.witness);
        schedule::shrink(&mut runner.in_world(&best.world), &mut best.witness);
        if best.witness.size == before {
            break;
        }
    }
    Some(Shrunk { changes: best.changes.without_idle(base), witness: best.witness })
}

/// The smallest so far.
struct Best {
    changes: Changes,
    world: World,
    limits: Limits,
    witness: Witness,
}

impl Best {
    fn is_long(&self) -> bool {
        is_long(&self.witness)
    }
}

/// Whether its schedule would use up the budget before it is any smaller.
fn is_long(witness: &Witness) -> bool {
    witness.order.len() >= LONG
}

//! Leaving out what is early or late.
//!
//! Such decisions come in groups: one late sleep makes up for another, and a task that runs early
//! has fewer steps afterwards. Leaving out one alone, with the others as they are, mostly leads
//! nowhere.

use mapi_sync_engine::shrink::Trial;

use super::Witness;
use super::size::Size;
use crate::decision::{Decisions, Departure, Kind};

/// How many late sleeps are tried alone.
const ALONE: usize = 16;

/// Leaves out what is early or late, as far as that makes the execution smaller.
pub(super) fn shrink<T: Trial<Size = Size>>(trial: &mut T, witness: &mut Witness) {
    for kinds in [&[Kind::Early, Kind::Late, Kind::Timer][..], &[Kind::Early], &[Kind::Late]] {
        let is_of = |departure: &Departure| kinds.contains(&departure.place.kind);
        if witness.decisions.departures().iter().any(is_of) {
            let others = |departure: Departure| (!is_of(&departure)).then_some(departure);
            try_changed(trial, witness, others);
        }
    }
    let is_late = |departure: &&Departure| departure.place.kind == Kind::Late;
    let late: Vec<Departure> =
        witness.decisions.departures().iter().filter(is_late).copied().collect();
    for alone in late.iter().take(ALONE) {
        // The least that it can be late, and the others in time.
        let only = |departure: Departure| match departure.place.kind {
            Kind::Late => {
                (departure.place == alone.place).then_some(Departure { value: 1, ..departure })
            }
            _ => Some(departure),
        };
        if try_changed(trial, witness, only) {
            return;
        }
    }
}

/// Tries the decisions with a change, and then the order of the steps with the changed values.
fn try_changed<T: Trial<Size = Size>>(
    trial: &mut T,
    witness: &mut Witness,
    change: impl Fn(Departure) -> Option<Departure>,
) -> bool {
    let changed: Decisions =
        witness.decisions.departures().iter().copied().filter_map(change).collect();
    if changed == witness.decisions || trial.is_over() {
        return false;
    }
    let order = witness.order.clone();
    let shown = trial.decisions(&changed).or_else(|| trial.order(order, &changed));
    witness.accept(shown)
}

//! Making the scenario smaller.

use mapi_sync_engine::shrink::{Trial, leave_out};

use super::{Best, TrialRunner, Witness};
use crate::world::{Changes, Knob, Scenario};

/// How many schedules are tried in a smaller scenario that the known one does not fit.
const SCHEDULES: u64 = 100;

/// Leaves out all accounts but the one that the defect is in.
pub(super) fn only_account(
    runner: &mut TrialRunner<'_>,
    base: &Scenario,
    best: &mut Best,
    account: Option<u32>,
) {
    let Some(kept) = account else { return };
    let accounts = u32::try_from(base.accounts.len()).unwrap_or(u32::MAX);
    let others = (0..accounts).filter(|other| *other != kept).map(Knob::Account);
    let changes = others.fold(best.changes.clone(), |changes, knob| changes.with(knob, 0));
    if accounts > 1 {
        try_changes(runner, best, changes);
    }
}

/// Makes each number of the scenario smaller, as far as the defect stays.
pub(super) fn shrink(runner: &mut TrialRunner<'_>, base: &Scenario, best: &mut Best) {
    for knob in Knob::all(base) {
        if is_of_a_left_out_account(knob, &best.changes) {
            continue;
        }
        // Where one smaller value is found, those smaller than that are tried.
        while knob
            .smaller(base, &best.changes)
            .into_iter()
            .any(|value| try_changes(runner, best, best.changes.clone().with(knob, value)))
        {
        }
        if runner.is_over() {
            return;
        }
    }
}

fn is_of_a_left_out_account(knob: Knob, changes: &Changes) -> bool {
    match knob {
        Knob::Flags(n)
        | Knob::Folders(n)
        | Knob::Messages(n)
        | Knob::NewFolders(n)
        | Knob::Outgoing(n) => changes.iter().any(|change| change == (Knob::Account(n), 0)),
        _ => false,
    }
}

fn try_changes(runner: &mut TrialRunner<'_>, best: &mut Best, changes: Changes) -> bool {
    if runner.is_over() {
        return false;
    }
    let Some((world, limits)) = (runner.make)(&changes) else { return false };
    *runner.engine.limits_mut() = limits;
    let (decisions, order) = (best.witness.decisions.clone(), best.witness.order.clone());
    let smaller = |witness: &Witness| witness.size < best.witness.size;
    let mut trial = runner.in_world(&world);
    let witness = trial
        .decisions(&decisions)
        .filter(smaller)
        .or_else(|| trial.order(order, &decisions).filter(smaller))
        .or_else(|| trial.search(SCHEDULES).filter(smaller));
    let Some(witness) = witness else {
        *runner.engine.limits_mut() = best.limits;
        return false;
    };
    *best = Best { changes, world, limits, witness };
    leave_out(&mut runner.in_world(&best.world), &mut best.witness);
    true
}

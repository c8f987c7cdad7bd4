//! Making the scenario smaller.

use super::{Best, Trial, schedule};
use crate::world::{Changes, Knob, Scenario};

/// How many schedules are tried in a smaller scenario that the known one does not fit.
const SCHEDULES: u64 = 100;

/// Leaves out all accounts but the one that the defect is in.
pub(super) fn only_account(
    trial: &mut Trial<'_>,
    base: &Scenario,
    best: &mut Best,
    account: Option<u32>,
) {
    let Some(kept) = account else { return };
    let accounts = u32::try_from(base.accounts.len()).unwrap_or(u32::MAX);
    let others = (0..accounts).filter(|other| *other != kept).map(Knob::Account);
    let changes = others.fold(best.changes.clone(), |changes, knob| changes.with(knob, 0));
    if accounts > 1 {
        try_changes(trial, best, changes);
    }
}

/// Makes each number of the scenario smaller, as far as the defect stays.
pub(super) fn shrink(trial: &mut Trial<'_>, base: &Scenario, best: &mut Best) {
    for knob in Knob::all(base) {
        if is_of_no_account(knob, &best.changes) {
            continue;
        }
        // Where one smaller value is found, those smaller than that are tried.
        while knob
            .smaller(base, &best.changes)
            .into_iter()
            .any(|value| try_changes(trial, best, best.changes.clone().with(knob, value)))
        {}
        if trial.is_over() {
            return;
        }
    }
}

fn is_of_no_account(knob: Knob, changes: &Changes) -> bool {
    match knob {
        Knob::Flags(n)
        | Knob::Folders(n)
        | Knob::Messages(n)
        | Knob::NewFolders(n)
        | Knob::Outgoing(n) => changes.iter().any(|change| change == (Knob::Account(n), 0)),
        _ => false,
    }
}

fn try_changes(trial: &mut Trial<'_>, best: &mut Best, changes: Changes) -> bool {
    if trial.is_over() {
        return false;
    }
    let Some((world, limits)) = (trial.make)(&changes) else { return false };
    *trial.engine.limits_mut() = limits;
    let (decisions, order) = (best.shown.decisions.clone(), best.shown.order.clone());
    let smaller = |shown: &super::Shown| shown.size < best.shown.size;
    let shown = trial
        .decisions(&world, &decisions)
        .filter(smaller)
        .or_else(|| trial.order(&world, order, &decisions).filter(smaller))
        .or_else(|| trial.search(&world, SCHEDULES).filter(smaller));
    let Some(shown) = shown else {
        *trial.engine.limits_mut() = best.limits;
        return false;
    };
    *best = Best { changes, world, limits, shown };
    schedule::leave_out(trial, best);
    true
}

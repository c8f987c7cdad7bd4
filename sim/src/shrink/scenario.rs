//! Making the scenario smaller.

use std::iter;

use mapi_sync_engine::shrink::{self as schedule, Trial, leave_out};

use super::{Best, TrialRunner, Witness, is_long};
use crate::world::{Changes, Fault, Knob, Scenario, Time};

/// How many schedules are tried in a smaller scenario that the known one does not fit, and how many
/// steps they may take.
const SCHEDULES: u64 = 100;
const STEPS: u64 = 100_000;

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

/// Makes all the work as little as it gets, together: none, one of each, two, four, and so on.
/// Small executions come first, so that looking for the right size costs little.
pub(super) fn only_a_little_work(runner: &mut TrialRunner<'_>, base: &Scenario, best: &mut Best) {
    let work: Vec<(Knob, u64)> = Knob::all(base)
        .filter(|knob| is_work(*knob) && runner.can_see(*knob))
        .filter(|knob| !is_of_a_left_out_account(*knob, &best.changes))
        .filter_map(|knob| Some((knob, best.changes.value(knob, base)?)))
        .collect();
    let most = work.iter().map(|(_, now)| *now).max().unwrap_or(0);
    let sizes = iter::once(0).chain(iter::successors(Some(1_u64), |size| size.checked_mul(2)));
    for size in sizes.take_while(|size| *size < most) {
        let changes = work.iter().fold(best.changes.clone(), |changes, (knob, now)| {
            changes.with(*knob, size.max(knob.least()).min(*now))
        });
        if try_changes(runner, best, changes) || runner.is_over() {
            return;
        }
    }
}

fn is_work(knob: Knob) -> bool {
    matches!(knob, Knob::Folders(_) | Knob::Messages(_) | Knob::NewFolders(_) | Knob::Outgoing(_))
}

/// Makes each number of the scenario smaller, as far as the defect stays.
pub(super) fn shrink(runner: &mut TrialRunner<'_>, base: &Scenario, best: &mut Best) {
    for knob in Knob::all(base) {
        if is_of_a_left_out_account(knob, &best.changes) || !runner.can_see(knob) {
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
        .or_else(|| {
            let mut other = trial.search(SCHEDULES, STEPS)?;
            // One that was drawn has more context switches than one that was made smaller.
            if !smaller(&other) && !is_long(&other) {
                schedule::shrink(&mut trial, &mut other);
            }
            Some(other).filter(smaller)
        });
    let Some(witness) = witness else {
        *runner.engine.limits_mut() = best.limits;
        return false;
    };
    *best = Best { changes, world, limits, witness };
    if !best.is_long() {
        leave_out(&mut runner.in_world(&best.world), &mut best.witness);
    }
    true
}

/// Whether a program can see this number: it belongs to the engine.
pub(crate) fn reaches_a_program(knob: Knob) -> bool {
    matches!(knob, Knob::Fault(fault) if fault.is_engines())
}

/// Whether a provider that is not the simulated one can see this number: it belongs to the host or
/// to the system, or is an argument of the start.
pub(crate) fn reaches_any_provider(knob: Knob) -> bool {
    match knob {
        Knob::Fault(fault) => {
            !matches!(fault, Fault::NetworkLoss | Fault::NetworkLatency | Fault::Offline)
        }
        Knob::Time(time) => {
            matches!(time, Time::CancelAfter | Time::ShutdownAfter | Time::Callback)
        }
        Knob::Cancels
        | Knob::Shutdown
        | Knob::OverlapStart
        | Knob::Reentrant
        | Knob::Account(_)
        | Knob::Syncs
        | Knob::Flags(_) => true,
        Knob::Workers
        | Knob::KeepAlive
        | Knob::Folders(_)
        | Knob::Messages(_)
        | Knob::NewFolders(_)
        | Knob::Outgoing(_)
        | Knob::Retries
        | Knob::RetryDelay
        | Knob::Latency => false,
    }
}

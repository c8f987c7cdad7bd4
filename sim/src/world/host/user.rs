//! The user who cancels, at any moment.

use std::sync::Arc;

use super::HostAccount;
use crate::engine;
use crate::world::run::Run;
use crate::world::scenario::CancelBy;
use crate::world::sites::{CANCEL_AFTER, CANCEL_BY, CANCELS};
use crate::world::time::{choose_cost, sleep_ms};

/// A user who may press Cancel All, once for each task.
pub(in crate::world) async fn user(run: Arc<Run>, accounts: Arc<[Arc<HostAccount>]>) {
    if engine::choose(CANCELS, 2) == 0 {
        return;
    }
    let host = run.host();
    let by_signal = match host.cancel_by {
        CancelBy::Answer => false,
        CancelBy::Signal => true,
        CancelBy::Either => engine::choose(CANCEL_BY, 2) == 1,
    };
    sleep_ms(choose_cost(CANCEL_AFTER, &host.cancel_after)).await;
    let syncs: Vec<_> = accounts.iter().map(|account| account.open()).collect();
    if run.varied().is_some_and(|varied| varied.late_cancel) {
        // What the user saw may be over by now.
        sleep_ms(choose_cost(CANCEL_AFTER, &host.cancel_after)).await;
    }
    for (account, syncs) in accounts.iter().zip(syncs) {
        account.cancel_all(syncs, by_signal);
    }
}

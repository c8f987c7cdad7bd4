//! How long things take in the simulated world, in virtual milliseconds.

use super::scenario::Cost;
use crate::engine::{self, Site};

/// The time that a step takes, in virtual milliseconds. The search chooses it.
pub(super) fn choose_cost(site: Site, cost: &Cost) -> u64 {
    let count = u32::try_from(cost.count()).unwrap_or(u32::MAX);
    if count == 1 { cost.value(0) } else { cost.value(engine::choose(site, count).into()) }
}

/// Lets virtual time pass. Even a step without cost lets other tasks go first.
pub(super) async fn sleep_ms(ms: u64) {
    engine::sleep(ms).await;
}

//! The network and the server behind it: requests that take time and may fail.

use std::sync::Arc;

use mapi_sync::HResult;

use super::run::Run;
use super::scenario::{Cost, Fault};
use super::sites::CONNECT;
use crate::engine::{self, Site};

/// The connection to one account's server.
#[derive(Clone)]
pub(super) struct Network {
    run: Arc<Run>,
}

impl Network {
    pub(super) fn new(run: Arc<Run>) -> Self {
        Self { run }
    }

    /// Logs on.
    ///
    /// # Errors
    ///
    /// [`HResult::MAPI_E_OFFLINE`] if the server cannot be reached.
    pub(super) async fn connect(&self) -> Result<(), HResult> {
        let cost = &self.run.scenario().provider.cost.connect;
        sleep_ms(choose_cost(CONNECT, cost)).await;
        if self.run.inject(Fault::Offline) { Err(HResult::MAPI_E_OFFLINE) } else { Ok(()) }
    }

    /// Sends a request once, and waits for the answer.
    ///
    /// # Errors
    ///
    /// [`HResult::MAPI_E_NETWORK_ERROR`] if it was lost.
    pub(super) async fn attempt(&self, site: Site, cost: &Cost) -> Result<(), HResult> {
        let mut time = choose_cost(site, cost);
        if self.run.inject(Fault::NetworkLatency) {
            time = time.saturating_add(self.run.scenario().faults.latency_ms);
        }
        sleep_ms(time).await;
        if self.run.inject(Fault::NetworkLoss) {
            Err(HResult::MAPI_E_NETWORK_ERROR)
        } else {
            Ok(())
        }
    }
}

/// The time that a step takes, in virtual milliseconds. The search chooses it.
pub(super) fn choose_cost(site: Site, cost: &Cost) -> u64 {
    let count = u32::try_from(cost.count()).unwrap_or(u32::MAX);
    if count == 1 { cost.value(0) } else { cost.value(engine::choose(site, count).into()) }
}

/// Lets virtual time pass. Even a step without cost lets other tasks go first.
pub(super) async fn sleep_ms(ms: u64) {
    engine::sleep(ms).await;
}

//! The network and the server behind it: requests that take time and may fail.

use std::sync::Arc;

use mapi_sync::HResult;

use crate::engine::Site;
use crate::world::run::Run;
use crate::world::scenario::{Cost, Fault};
use crate::world::sites::CONNECT;
use crate::world::time::{choose_cost, sleep_ms};

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

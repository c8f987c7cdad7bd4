//! Waiting for each other.

use mapi_sync_engine::sync::Gain;
use mapi_sync_engine::{Mode, Object};
use real::sync as tokio;

use super::BarrierWaitResult;
use super::tracked::{Use, tracked};

const WAIT: Use = Use { kind: "barrier", mode: Mode::Write, gain: Gain::Seen };

/// `tokio::sync::Barrier`.
#[derive(Debug)]
pub struct Barrier {
    object: Object,
    real: tokio::Barrier,
}

impl Barrier {
    /// A barrier for `n` tasks.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self { object: Object::new("Barrier"), real: tokio::Barrier::new(n) }
    }

    /// Waits until all tasks wait.
    pub async fn wait(&self) -> BarrierWaitResult {
        tracked(self.object, WAIT, self.real.wait()).await
    }
}

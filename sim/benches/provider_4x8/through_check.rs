//! The same program as a user writes it, and as [`check`](mapi_sync_sim::check) runs it: a provider
//! in a [`World`].
//!
//! Every call goes from the session through the watched callback to the simulated host, and is
//! reported to the monitor on its way. So are the start, the event and the references.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use mapi_sync::{
    HResult, MapiSync, Reporter, SyncDone, SyncRequest, SyncSession, TaskEnd, async_trait,
};
use mapi_sync_sim::engine::{self, Engine, Limits};
use mapi_sync_sim::world::{Coverage, Scenario, World};

use super::{FOLDERS, MAXIMUM, REPORTS, next};

/// One account and one sync. The host answers at once and never cancels or shuts down; nothing
/// fails.
const SCENARIO: &str = r#"
    version = 1
    name = "provider_4x8"

    [[account]]
    name = "Mailbox"
"#;

struct Store;

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(synchronize)
    }
}

/// Runs the folders, and then calls Done.
async fn synchronize(session: SyncSession) -> SyncDone {
    let position = Arc::new(AtomicU32::new(0));
    let folders = [(); FOLDERS].map(|()| {
        let folder = folder(session.reporter(), Arc::clone(&position));
        session.runtime().spawn("folder".into(), Box::pin(folder)).expect("no spawn is refused")
    });
    for folder in folders {
        assert_eq!(folder.await, TaskEnd::Finished);
    }
    session.done(HResult::S_OK).await
}

/// The host answers at once, so the folder itself takes a turn for each step.
async fn folder(reporter: Reporter, position: Arc<AtomicU32>) {
    for _ in 0..REPORTS {
        engine::yield_now().await;
        reporter.progress(Some("Inbox"), next(&position), MAXIMUM).await;
    }
}

/// Runs executions and sums up what they exercised, as a check does.
///
/// What a check does only with a sample is left out: it runs each 1,024th execution twice, and
/// looks for races in the first 256.
pub(crate) struct Checked {
    world: World,
    coverage: Coverage,
}

impl Checked {
    pub(crate) fn new() -> Self {
        let scenario = Scenario::parse("provider_4x8", SCENARIO).expect("a valid scenario");
        let world = World::with_provider(scenario, |_| Arc::new(Store));
        Self { world, coverage: Coverage::new() }
    }

    /// The limits of the engine that runs it.
    pub(crate) fn limits(&self) -> Limits {
        self.world.limits()
    }

    /// Runs it once, and returns the number of steps.
    pub(crate) fn run(&mut self, engine: &mut Engine, index: u64) -> u64 {
        let observed = self.world.run(engine, index).expect("the strategy goes on for ever");
        assert!(observed.holds() && observed.is_complete() && observed.outcome.panics.is_empty());
        self.coverage.merge(&observed.coverage);
        observed.outcome.steps
    }
}

impl Drop for Checked {
    fn drop(&mut self) {
        // Read the sum, so that the compiler cannot leave it out.
        std::hint::black_box(&self.coverage);
    }
}

//! Four folder workers that report eight steps each into one position, and one Done after them.
//!
//! Here the engine runs the workers alone, and their host may report its calls to a monitor itself.
//! In [`through_check`] they are a provider in the simulated world.

mod through_check;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mapi_sync::contract::{Call, Monitor, MonitorConfig, SyncWatch};
use mapi_sync::{HResult, RawEvent, SyncProgressCallback, async_trait};
use mapi_sync_sim::engine::{self, Engine};

pub(crate) use self::through_check::Checked;
use super::in_turn::in_turn;

pub(crate) const FOLDERS: usize = 4;
pub(crate) const REPORTS: u32 = 8;
const MAXIMUM: u32 = FOLDERS as u32 * REPORTS;

/// A host that takes one turn to answer.
pub(crate) struct Host;

#[async_trait]
impl SyncProgressCallback for Host {
    async fn progress(&self, _: Option<&str>, _: u32, _: u32) -> HResult {
        engine::yield_now().await;
        HResult::S_OK
    }

    async fn error(&self, _: HResult, _: Option<&str>) -> HResult {
        HResult::S_OK
    }

    async fn done(&self, _: RawEvent, _: HResult) -> HResult {
        HResult::S_OK
    }
}

/// The same host, which itself reports every call to the monitor.
struct WatchedHost(SyncWatch);

#[async_trait]
impl SyncProgressCallback for WatchedHost {
    async fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> HResult {
        let in_flight = self.0.begin(Call::Progress { text, index, index_max });
        engine::yield_now().await;
        in_flight.end(HResult::S_OK)
    }

    async fn error(&self, result: HResult, text: Option<&str>) -> HResult {
        self.0.begin(Call::Error { result, text }).end(HResult::S_OK)
    }

    async fn done(&self, event: RawEvent, status: HResult) -> HResult {
        self.0.begin(Call::Done { event, status }).end(HResult::S_OK)
    }
}

async fn folder(host: Arc<dyn SyncProgressCallback>, position: Arc<AtomicU32>) {
    for _ in 0..REPORTS {
        host.progress(Some("Inbox"), next(&position), MAXIMUM).await;
    }
}

/// Moves the position on by one step, and returns it.
fn next(position: &AtomicU32) -> u32 {
    // One thread runs all folders, so no other can come between.
    let index = position.load(Ordering::Relaxed) + 1;
    position.store(index, Ordering::Relaxed);
    index
}

/// Runs the folders, and then calls Done.
pub(crate) async fn provider(host: Arc<dyn SyncProgressCallback>) {
    let position = Arc::new(AtomicU32::new(0));
    let folders = [(); FOLDERS]
        .map(|()| engine::spawn("folder", folder(Arc::clone(&host), Arc::clone(&position))));
    for folder in folders {
        folder.await.expect("no folder fails");
    }
    host.done(RawEvent::NULL, HResult::S_OK).await;
}

/// Runs it once, with a host that calls a monitor directly, and returns the number of steps.
pub(crate) fn monitored(engine: &mut Engine, index: u64) -> u64 {
    let monitor = Monitor::single_threaded(MonitorConfig::default(), engine::clock());
    let host = Arc::new(WatchedHost(monitor.callback_sync()));
    let outcome = engine.execute(index, provider(host));
    assert!(monitor.holds());
    outcome.expect("the strategy goes on for ever").steps
}

/// Polls the folders once, boxed anew, and Done after them.
pub(crate) fn bare() {
    let host: Arc<dyn SyncProgressCallback> = Arc::new(Host);
    let position = Arc::new(AtomicU32::new(0));
    let folder = |()| Box::pin(folder(Arc::clone(&host), Arc::clone(&position))) as _;
    in_turn([(); FOLDERS].map(folder));
    in_turn([Box::pin(async move {
        host.done(RawEvent::NULL, HResult::S_OK).await;
    })]);
}

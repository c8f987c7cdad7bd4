//! Four folder workers that report eight steps each, and the hosts that they report to.

use mapi_sync::contract::{Call, SyncWatch};
use mapi_sync::{HResult, RawEvent, SyncProgressCallback, async_trait};
use mapi_sync_sim::engine;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) const FOLDERS: usize = 4;
pub(crate) const REPORTS: u32 = 8;

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

/// The same host, which tells the monitor of every call.
pub(crate) struct WatchedHost(pub(crate) SyncWatch);

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

pub(crate) async fn folder(host: Arc<dyn SyncProgressCallback>, position: Arc<AtomicU32>) {
    for _ in 0..REPORTS {
        // One thread runs all folders: no other can come between.
        let index = position.load(Ordering::Relaxed) + 1;
        position.store(index, Ordering::Relaxed);
        host.progress(Some("Inbox"), index, FOLDERS as u32 * REPORTS).await;
    }
}

//! The smallest useful provider, and a host that synchronizes it on tokio.
//!
//! ```sh
//! cargo run --example minimal_provider
//! ```
//!
//! It prints:
//!
//! ```text
//! Inbox 1/3
//! Inbox 2/3
//! Inbox 3/3
//! done: S_OK
//! the contract holds
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use mapi_sync::contract::{Monitor, MonitorConfig};
use mapi_sync::{
    Events, HResult, MapiSync, ProcessEvents, RawEvent, SyncProgressCallback, SyncRequest,
    TokioRuntime, async_trait,
};

/// A store with three messages.
struct Store;

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            for message in 1..=3 {
                if session.cancel().is_requested() {
                    return session.done(HResult::MAPI_E_USER_CANCEL).await;
                }
                // Here a real provider fetches a message.
                session.sleep(Duration::from_millis(20)).await;
                session.progress(Some("Inbox"), message, 3).await;
            }
            session.done(HResult::S_OK).await
        })
    }
}

/// A host that prints every call.
struct Host;

#[async_trait]
impl SyncProgressCallback for Host {
    async fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> HResult {
        println!("{} {index}/{index_max}", text.unwrap_or("..."));
        HResult::S_OK
    }

    async fn error(&self, result: HResult, text: Option<&str>) -> HResult {
        println!("error: {result} {}", text.unwrap_or_default());
        HResult::S_OK
    }

    async fn done(&self, _event: RawEvent, status: HResult) -> HResult {
        println!("done: {status}");
        HResult::S_OK
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let began = Instant::now();
    // The monitor observes every call and every use of the event.
    let monitor = Monitor::new(MonitorConfig::default(), move || {
        began.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
    });
    let kernel: Arc<dyn Events> = Arc::new(ProcessEvents::new());
    let runtime = Arc::new(TokioRuntime::current(Arc::clone(&kernel)));
    let events = monitor.host_events(kernel);

    // As Outlook does: start the sync, wait for its event, close the handle.
    let request = SyncRequest::new(Arc::new(Host), runtime);
    let out = Arc::clone(request.event_out());
    let start = monitor.watch(Store).synchronize_in_background(request).await;
    assert_eq!(start, HResult::S_OK);
    assert_eq!(events.wait(out.published()).await, HResult::S_OK);
    assert_eq!(events.close(out.published()), HResult::S_OK);

    assert_eq!(monitor.finish(), []);
    println!("the contract holds");
}

//! A provider that fetches messages side by side, at most two at a time.
//!
//! ```sh
//! cargo run -p mapi-sync-sim --example parallel
//! ```
//!
//! A semaphore of tokio's needs no runtime, so it works in a check as it does in production. The
//! invariant is looked at after every step, the oracle at every message.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mapi_sync::{
    HResult, MapiSync, Reporter, Runtime, SyncDone, SyncRequest, SyncSession, async_trait,
};
use mapi_sync_sim::property::{self, Monotonic};
use mapi_sync_sim::{Check, check, sometimes};
use tokio::sync::{Mutex, Semaphore};

const MESSAGES: u32 = 4;
const AT_ONCE: u32 = 2;

struct Store;

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(synchronize)
    }
}

/// What the downloads of a sync share.
struct Shared {
    permits: Semaphore,
    running: AtomicU32,
    /// How many messages are stored. The lock is held over a report, so that no report overtakes
    /// another.
    stored: Mutex<u32>,
    oracle: Monotonic<u32>,
}

async fn synchronize(session: SyncSession) -> SyncDone {
    let shared = Arc::new(Shared {
        permits: Semaphore::new(AT_ONCE as usize),
        running: AtomicU32::new(0),
        stored: Mutex::new(0),
        oracle: Monotonic::new("the position never goes back"),
    });
    let seen = Arc::clone(&shared);
    property::invariant("at most two downloads at once", move || {
        seen.running.load(Ordering::Relaxed) <= AT_ONCE
    });
    let mut tasks = Vec::new();
    for _ in 0..MESSAGES {
        let runtime = Arc::clone(session.runtime());
        let download = download(session.reporter(), runtime, Arc::clone(&shared));
        tasks.extend(session.runtime().spawn("download".into(), Box::pin(download)));
    }
    for task in tasks {
        task.await;
    }
    // A download that was not started, or was dropped, has stored nothing.
    let status = if *shared.stored.lock().await == MESSAGES {
        sometimes!("a sync stores all messages");
        HResult::S_OK
    } else {
        HResult::MAPI_E_CALL_FAILED
    };
    session.done_or_cancelled(status).await
}

async fn download(reporter: Reporter, runtime: Arc<dyn Runtime>, shared: Arc<Shared>) {
    let Ok(_permit) = shared.permits.acquire().await else { return };
    if reporter.cancel().is_requested() {
        return;
    }
    let running = Running::new(&shared);
    sometimes!("two downloads at once", shared.running.load(Ordering::Relaxed) == AT_ONCE);
    runtime.sleep(Duration::from_millis(20)).await; // fetch it
    drop(running);
    let mut stored = shared.stored.lock().await;
    *stored += 1;
    shared.oracle.saw(*stored);
    reporter.progress(Some("Inbox"), *stored, MESSAGES).await;
}

/// Counts a download as running, even if its task is dropped.
struct Running<'a>(&'a Shared);

impl<'a> Running<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.running.fetch_add(1, Ordering::Relaxed);
        Self(shared)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) fn set_up() -> Check {
    let goals = ["two downloads at once", "a sync stores all messages"];
    check(|| Store).goals(goals).schedules(2_000)
}

pub(crate) fn main() {
    let report = set_up().run();
    report.assert_holds();
    assert!(report.goals.iter().all(|goal| goal.met > 0), "{report}");
    println!("{report}");
}

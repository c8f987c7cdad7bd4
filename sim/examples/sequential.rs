//! A provider that fetches one message after another, and remembers how far it came.
//!
//! ```sh
//! cargo run -p mapi-sync-sim --example sequential
//! ```
//!
//! It promises that its anchor, the last message that is stored, never goes back. A sync that is
//! cancelled goes on at the anchor next time: the goal says that the check tries that too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mapi_sync::{HResult, MapiSync, SyncDone, SyncRequest, SyncSession, async_trait};
use mapi_sync_sim::property::Monotonic;
use mapi_sync_sim::{Check, check, sometimes};

const MESSAGES: u32 = 4;

struct Store {
    /// The last message that is stored.
    anchor: Arc<AtomicU32>,
    oracle: Monotonic<u32>,
}

impl Store {
    fn new() -> Self {
        Self { anchor: Arc::default(), oracle: Monotonic::new("the anchor never goes back") }
    }
}

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let (anchor, oracle) = (Arc::clone(&self.anchor), self.oracle.clone());
        request.start(|session| synchronize(session, anchor, oracle))
    }
}

/// Stands in for the server, which counts its messages from 1.
async fn fetch(session: &SyncSession, message: u32) -> u32 {
    session.sleep(Duration::from_millis(20)).await;
    assert!((1..=MESSAGES).contains(&message), "the server has no message {message}");
    message
}

async fn synchronize(
    session: SyncSession,
    anchor: Arc<AtomicU32>,
    oracle: Monotonic<u32>,
) -> SyncDone {
    let first = anchor.load(Ordering::Relaxed) + 1;
    sometimes!("a sync goes on where another one stopped", 1 < first && first <= MESSAGES);
    for message in first..=MESSAGES {
        if session.cancel().is_requested() {
            return session.done(HResult::MAPI_E_USER_CANCEL).await;
        }
        let message = fetch(&session, message).await;
        // Two syncs may overlap: the later one does not undo what the earlier one has stored.
        let stored = anchor.fetch_max(message, Ordering::Relaxed).max(message);
        oracle.saw(stored);
        session.progress(Some("Inbox"), message, MESSAGES).await;
    }
    session.done_or_cancelled(HResult::S_OK).await
}

pub(crate) fn set_up() -> Check {
    let check = check(Store::new).goals(["a sync goes on where another one stopped"]);
    check.schedules(2_000)
}

pub(crate) fn main() {
    let report = set_up().run();
    report.assert_holds();
    assert!(report.goals.iter().all(|goal| goal.met > 0), "{report}");
    println!("{report}");
}

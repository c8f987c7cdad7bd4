//! A provider that stops at once when the user cancels, and leaves nothing half done.
//!
//! ```sh
//! cargo run -p mapi-sync-sim --example cancel
//! ```
//!
//! A message is fetched in parts, and stored when all of them are there. The cancel interrupts a
//! fetch, never a store. The check also drops the sync's task at its await points: that leaves
//! nothing half done either.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use mapi_sync::{HResult, MapiSync, SyncDone, SyncRequest, SyncSession, async_trait};
use mapi_sync_sim::{Check, check, property, sometimes};

const MESSAGES: u32 = 3;
const PARTS: u32 = 2;

/// What is stored: the parts of each message.
type Stored = Arc<Mutex<Vec<Vec<u32>>>>;

struct Store {
    stored: Stored,
}

impl Store {
    fn new() -> Self {
        let stored = Stored::default();
        let seen = Arc::clone(&stored);
        property::invariant("a stored message is whole", move || {
            let stored = seen.lock().unwrap_or_else(PoisonError::into_inner);
            stored.iter().all(|parts| parts.len() == PARTS as usize)
        });
        Self { stored }
    }
}

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let stored = Arc::clone(&self.stored);
        request.start(|session| synchronize(session, stored))
    }
}

async fn fetch(session: &SyncSession) -> Vec<u32> {
    let mut parts = Vec::new();
    for part in 0..PARTS {
        session.sleep(Duration::from_millis(20)).await;
        parts.push(part);
    }
    parts
}

async fn synchronize(session: SyncSession, stored: Stored) -> SyncDone {
    for message in 1..=MESSAGES {
        let fetched = {
            let cancelled = pin!(session.cancel().requested());
            match select(cancelled, pin!(fetch(&session))).await {
                Either::Left(_) => None,
                Either::Right((parts, _)) => Some(parts),
            }
        };
        let Some(parts) = fetched else {
            sometimes!("a fetch is interrupted");
            return session.done(HResult::MAPI_E_USER_CANCEL).await;
        };
        stored.lock().unwrap_or_else(PoisonError::into_inner).push(parts);
        session.progress(Some("Inbox"), message, MESSAGES).await;
    }
    session.done_or_cancelled(HResult::S_OK).await
}

pub(crate) fn set_up() -> Check {
    check(Store::new).goals(["a fetch is interrupted"]).schedules(2_000)
}

pub(crate) fn main() {
    let report = set_up().run();
    report.assert_holds();
    assert!(report.goals.iter().all(|goal| goal.met > 0), "{report}");
    println!("{report}");
    check(Store::new).cancellations().run().assert_holds();
}

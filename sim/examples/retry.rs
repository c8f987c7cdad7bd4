//! A provider whose server does not always answer: it gives each answer 100 ms, and asks again.
//!
//! ```sh
//! cargo run -p mapi-sync-sim --example retry
//! ```
//!
//! Whether the server answers is a choice, so the check tries both at every question. The goals say
//! which ways it is to have taken; the property, how long a message may take. It is about the
//! provider's own time: a host that is slow to return from a callback would break a bound on the
//! whole sync.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use mapi_sync::{HResult, MapiSync, SyncDone, SyncRequest, SyncSession, async_trait};
use mapi_sync_sim::{Check, check, engine, property, sometimes};

const MESSAGES: u32 = 2;
const TRIES: u32 = 3;
const PATIENCE: Duration = Duration::from_millis(100);

struct Store;

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(synchronize)
    }
}

/// Stands in for the server: sends the message of this number, or says nothing for ever.
async fn fetch(session: &SyncSession, message: u32) -> u32 {
    if engine::choose("the server is silent", 2) == 1 {
        pending::<()>().await;
    }
    session.sleep(Duration::from_millis(20)).await;
    message
}

/// Fetches a message. `None` if it did not come, after some tries.
async fn fetch_with_retries(session: &SyncSession, message: u32) -> Option<u32> {
    let over = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&over);
    let longest = TRIES * PATIENCE;
    property::eventually("a fetch is over in time", longest, move || seen.load(Ordering::Relaxed));
    let _over = Over(over);
    let tries = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&tries);
    property::invariant("at most three tries", move || seen.load(Ordering::Relaxed) <= TRIES);
    for attempt in 1..=TRIES {
        if session.cancel().is_requested() {
            return None;
        }
        tries.fetch_add(1, Ordering::Relaxed);
        if let Ok(message) = session.timeout(PATIENCE, fetch(session, message)).await {
            if attempt > 1 {
                sometimes!("retry after silence");
            }
            return Some(message);
        }
    }
    sometimes!("every try was in vain");
    None
}

async fn synchronize(session: SyncSession) -> SyncDone {
    for message in 1..=MESSAGES {
        let Some(message) = fetch_with_retries(&session, message).await else {
            session.error(HResult::MAPI_E_NETWORK_ERROR, "the server does not answer").await;
            return session.done_or_cancelled(HResult::MAPI_E_NETWORK_ERROR).await;
        };
        session.progress(Some("Inbox"), message, MESSAGES).await;
    }
    session.done_or_cancelled(HResult::S_OK).await
}

/// Says that the fetch is over, even if its task is dropped.
struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(crate) fn set_up() -> Check {
    let check = check(|| Store).goals(["retry after silence", "every try was in vain"]);
    check.schedules(2_000)
}

pub(crate) fn main() {
    let report = set_up().run();
    report.assert_holds();
    assert!(report.goals.iter().all(|goal| goal.met > 0), "{report}");
    println!("{report}");
}

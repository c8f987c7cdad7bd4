//! Checks a provider that downloads two folders side by side, and counts messages wrongly.
//!
//! ```sh
//! cargo run -p mapi-sync-sim --example check_a_provider
//! ```
//!
//! ends as a failing test would, with a panic that prints the counterexample. In short:
//!
//! ```text
//! `sync` sent Done(S_OK) when the last position was 3 of 4: nothing keeps `Inbox` from …
//! progress-complete (should): the provider is to blame
//!    Done(S_OK) came when the last position was 3 of 4
//!
//!     time ms  task   call
//!        0 ms  main   SynchronizeInBackground(0)
//!       20 ms  Sent   #1 Progress("Sent", 1, 4)
//!       20 ms  Sent   #1   returned S_OK
//!       20 ms  Inbox  #2 Progress("Inbox", 2, 4)
//!       20 ms  Inbox  #2   returned S_OK
//!       40 ms  Inbox  #3 Progress("Inbox", 3, 4)  (1)
//!       45 ms  Inbox  #3   returned S_OK
//!  |    45 ms  Sent   #4 Progress("Sent", 3, 4)
//!       45 ms  Sent   #4   returned S_OK
//! ->    45 ms  sync   #5 Done(event 0x4, S_OK)  <- progress-complete
//!    completed after 19 steps and 8 context switches at 50 ms
//!    what decides: the order of two adjacent steps
//!      (1) step 8, of `Inbox`: #3 Progress("Inbox", 3, 4)
//!      (2) step 9, of `Sent`
//!    exchanged, progress-complete is gone: .replay("ms2-…")
//!
//! own-provider: 1 violation found
//!   2,000 schedules, strategy portfolio, seed 9; 34,899 steps
//! ```
//!
//! While `Inbox` reported its second message, `Sent` read the count before `Inbox` had raised it:
//! one message is lost, and the position never reaches its maximum. To mend it, hold an
//! asynchronous lock over the report, or count before it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mapi_sync::{
    HResult, MapiSync, Reporter, Runtime, SyncDone, SyncRequest, SyncSession, TaskEnd, async_trait,
};
use mapi_sync_sim::world::{Cost, Host};

const MESSAGES: u32 = 4;

struct Store;

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(synchronize)
    }
}

/// Downloads both folders, each in its own task.
async fn synchronize(session: SyncSession) -> SyncDone {
    let counted = Arc::new(Mutex::new(0));
    let mut tasks = Vec::new();
    let mut complete = true;
    for folder in ["Inbox", "Sent"] {
        let runtime = Arc::clone(session.runtime());
        let download = download(folder, session.reporter(), runtime, Arc::clone(&counted));
        match session.runtime().spawn(folder.into(), Box::pin(download)) {
            Ok(task) => tasks.push(task),
            Err(_) => complete = false,
        }
    }
    for task in tasks {
        complete &= task.await == TaskEnd::Finished;
    }
    let cancelled = session.cancel().is_requested();
    let status = match (cancelled, complete) {
        (true, _) => HResult::MAPI_E_USER_CANCEL,
        (false, true) => HResult::S_OK,
        (false, false) => HResult::MAPI_E_CALL_FAILED,
    };
    session.done(status).await
}

/// Downloads half of the messages.
async fn download(
    folder: &'static str,
    reporter: Reporter,
    runtime: Arc<dyn Runtime>,
    counted: Arc<Mutex<u32>>,
) {
    for _ in 0..MESSAGES / 2 {
        if reporter.cancel().is_requested() {
            return;
        }
        runtime.sleep(Duration::from_millis(20)).await;
        // The mistake: the other task may count a message during the call.
        let before = *counted.lock().unwrap();
        reporter.progress(Some(folder), before + 1, MESSAGES).await;
        *counted.lock().unwrap() = before + 1;
    }
}

pub(crate) fn main() {
    // One host, for a short time line: without it the host varies, and may start two syncs at once.
    // The seed is one whose counterexample is short too; any other one finds the mistake as well.
    let host = Host { callback: Cost::Choice(vec![5, 0]), ..Host::default() };
    let check = mapi_sync_sim::check(|| Store).host(host);
    check.seed(9).schedules(2_000).jobs(1).run().assert_holds();
}

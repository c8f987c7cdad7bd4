//! Checks a provider against an author's own rule: a folder that was left is not named again.
//!
//! ```sh
//! cargo run -p mapi-sync-sim --example own_rule
//! ```
//!
//! ends as a failing test would, with a panic that prints the counterexample. Two workers download
//! a folder each and report side by side, so the names alternate.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mapi_sync::contract::{
    Call, CallRecord, Findings, Level, Party, RuleCheck, RuleInfo, SyncState,
};
use mapi_sync::{
    HResult, MapiSync, Reporter, Runtime, SyncDone, SyncRequest, SyncSession, TaskEnd, async_trait,
};

static NAMED_ONCE: RuleInfo =
    RuleInfo::new("folder-named-once", "a folder that was left is not named again")
        .level(Level::Policy)
        .blame(Party::Provider)
        .source("our support team: users take a second mention for a second download");

#[derive(Debug, Default)]
struct NamedOnce {
    left: BTreeSet<Arc<str>>,
}

impl RuleCheck for NamedOnce {
    fn info(&self) -> &'static RuleInfo {
        &NAMED_ONCE
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        let Call::Progress { text: Some(name), .. } = &call.call else { return };
        if self.left.contains(name) {
            findings.broken(format!("{name:?} was left, and is named again")).shows(call);
        }
        if let Some(last) = sync.last_progress().and_then(|last| last.text.clone())
            && last != *name
        {
            self.left.insert(last);
        }
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        true
    }
}

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
    let counted = Arc::new(AtomicU32::new(0));
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
    counted: Arc<AtomicU32>,
) {
    for _ in 0..MESSAGES / 2 {
        if reporter.cancel().is_requested() {
            return;
        }
        runtime.sleep(Duration::from_millis(20)).await;
        let index = counted.fetch_add(1, Ordering::Relaxed) + 1;
        reporter.progress(Some(folder), index, MESSAGES).await;
    }
}

fn main() {
    let check = mapi_sync_sim::check(|| Store).rule(NamedOnce::default);
    check.schedules(2_000).jobs(1).run().assert_holds();
}

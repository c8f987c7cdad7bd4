//! Tasks in the background under an exhaustive search.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use mapi_sync_engine::strategy::{Dfs, Dpor, TrackedSharing};
use mapi_sync_engine::sync::Register;
use mapi_sync_engine::{Builder, End, Engine, Limits, Strategy};

/// Runs all schedules in which a task in the background counts, and the main one looks when it
/// ends. Returns how many executions there were, and how far the count came.
fn counts(strategy: impl Strategy, waits: bool) -> (u64, BTreeSet<u32>) {
    let mut engine = Engine::new(Limits::default(), strategy);
    let (mut executions, mut counts) = (0, BTreeSet::new());
    let last = Arc::new(Mutex::new(0));
    loop {
        let seen = Arc::clone(&last);
        let outcome = engine.execute(executions, async move {
            let counter = Register::new("counter", 0);
            let count = counter.clone();
            Builder::new("counts").background().spawn(async move {
                for i in 1..=2 {
                    count.write(i).await;
                }
                if waits {
                    std::future::pending::<()>().await;
                }
            });
            *seen.lock().unwrap() = counter.read().await;
        });
        let Some(outcome) = outcome else { return (executions, counts) };
        assert_eq!((outcome.end, outcome.panics), (End::Completed, vec![]));
        executions += 1;
        counts.insert(*last.lock().unwrap());
    }
}

/// The search has to learn of what a task would have done, had the execution not ended before.
#[test]
fn a_search_runs_what_a_task_in_the_background_could_still_do() {
    for waits in [false, true] {
        let (executions, every) = counts(Dfs::new(), waits);
        let (classes, found) = counts(Dpor::new(TrackedSharing), waits);
        assert_eq!(every, BTreeSet::from([0, 1, 2]));
        assert_eq!(found, every);
        assert!(classes <= executions, "{classes} of {executions}");
    }
}

//! How tokens fare when the provider is edited and the bug stays: `docs/design.md` has the figures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::engine::{choose, yield_now};
use mapi_sync_sim::world::{Faults, Host};
use mapi_sync_sim::{Check, ReplayOutcome, check};

/// What is edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edit {
    Nothing,
    SpawnBefore,
    SleepBefore,
    YieldBefore,
    ProgressBefore,
    ChoiceBefore,
    TaskRenamed,
    YieldInTheBug,
    SpawnsExchanged,
    TextChanged,
    SpawnAfter,
}

const EDITS: [(Edit, &str); 11] = [
    (Edit::Nothing, "nothing"),
    (Edit::SpawnBefore, "one more task before the bug"),
    (Edit::SleepBefore, "one more sleep before it"),
    (Edit::YieldBefore, "one more await in a task, before it"),
    (Edit::ProgressBefore, "one more Progress before it"),
    (Edit::ChoiceBefore, "a value drawn before it"),
    (Edit::TaskRenamed, "a task renamed"),
    (Edit::YieldInTheBug, "one more await inside of it"),
    (Edit::SpawnsExchanged, "its two tasks spawned in the other order"),
    (Edit::TextChanged, "the text of a report"),
    (Edit::SpawnAfter, "one more task after it"),
];

/// Two workers raise a counter by reading it and writing it back. Where one update is lost, the
/// last report is not complete.
struct Store(Edit);

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let edit = self.0;
        request.start(move |session| async move {
            let spawn = |name: &'static str, task| session.runtime().spawn(name.into(), task);
            match edit {
                Edit::SpawnBefore => drop(spawn("unrelated", Box::pin(async {}))),
                Edit::SleepBefore => session.sleep(Duration::from_millis(1)).await,
                Edit::ProgressBefore => {
                    session.progress(Some("Inbox"), 0, 2).await;
                }
                Edit::ChoiceBefore => {
                    choose("size", 2);
                }
                _ => {}
            }
            let count = Arc::new(AtomicU32::new(0));
            let worker = || {
                let count = Arc::clone(&count);
                Box::pin(async move {
                    if edit == Edit::YieldBefore {
                        yield_now().await;
                    }
                    let seen = count.load(Ordering::SeqCst);
                    yield_now().await;
                    if edit == Edit::YieldInTheBug {
                        yield_now().await;
                    }
                    count.store(seen + 1, Ordering::SeqCst);
                })
            };
            let first = if edit == Edit::TaskRenamed { "Inbox worker" } else { "Inbox" };
            let mut names = [first, "Sent"];
            if edit == Edit::SpawnsExchanged {
                names.reverse();
            }
            for worker in names.map(|name| spawn(name, worker())).into_iter().flatten() {
                worker.await;
            }
            if edit == Edit::SpawnAfter {
                drop(spawn("unrelated", Box::pin(async {})));
            }
            let text = if edit == Edit::TextChanged { "All" } else { "Folders" };
            session.progress(Some(text), count.load(Ordering::SeqCst), 2).await;
            session.done(HResult::S_OK).await
        })
    }
}

fn checked(edit: Edit) -> Check {
    check(move || Store(edit)).host(Host::default()).faults(Faults::default()).jobs(1)
}

#[test]
fn tokens_survive_edits_as_the_design_says() {
    let tokens: Vec<String> = (1..=20)
        .map(|seed| {
            let report = checked(Edit::Nothing).seed(seed).schedules(500).run();
            report.counterexamples.first().expect("it is found").token().to_string()
        })
        .collect();
    let design = include_str!("../../../docs/design.md");
    let mut missing = Vec::new();
    for (edit, what) in EDITS {
        let check = checked(edit);
        let outcomes = tokens
            .iter()
            .map(|token| check.replay(token).expect("the scenario is the same").outcome());
        let outcomes: Vec<ReplayOutcome> = outcomes.collect();
        let count = |outcome| outcomes.iter().filter(|found| **found == outcome).count();
        let passes = count(ReplayOutcome::Mended);
        let (broken, stale) = (count(ReplayOutcome::Broken), count(ReplayOutcome::NoLongerApplies));
        assert_eq!(broken + stale + passes, tokens.len(), "{what}");
        let row = format!("| {what} | {broken} | {stale} | {passes} |");
        if !design.lines().any(|line| line == row) {
            missing.push(row);
        }
    }
    assert!(missing.is_empty(), "docs/design.md lacks the rows\n{}", missing.join("\n"));
}

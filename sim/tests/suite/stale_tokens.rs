//! Tokens after the provider has changed: broken as before, mended, or no longer applying.

use std::time::Duration;

use mapi_sync::{HResult, MapiSync, SyncRequest, SyncSession, async_trait};
use mapi_sync_sim::report::{Document, Format, Palette};
use mapi_sync_sim::world::{Faults, Host};
use mapi_sync_sim::{Check, ReplayOrSearch, ReplayOutcome, check};

/// How a provider differs from the one that a token was found with.
#[derive(Clone, Copy, PartialEq)]
enum Change {
    Nothing,
    /// The bug is gone, and nothing else is different.
    Fixed,
    /// Something unrelated is spawned before the bug.
    Spawns,
    /// A millisecond is slept before the bug.
    Sleeps,
    /// It spawns nothing, and has no bug.
    Other,
}

/// Two tasks report side by side. If "Sent" comes first, the sync reports too much.
struct Store(Change);

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let change = self.0;
        request.start(move |session| async move {
            if change != Change::Other {
                work(&session, change).await;
            }
            let cancelled = session.cancel().is_requested();
            session.done(if cancelled { HResult::MAPI_E_USER_CANCEL } else { HResult::S_OK }).await
        })
    }
}

async fn work(session: &SyncSession, change: Change) {
    if change == Change::Spawns {
        drop(session.runtime().spawn("unrelated".into(), Box::pin(async {})));
    }
    if change == Change::Sleeps {
        session.sleep(Duration::from_millis(1)).await;
    }
    let first = std::sync::Arc::new(std::sync::Mutex::new(""));
    let task = |folder: &'static str| {
        let (reporter, first) = (session.reporter(), std::sync::Arc::clone(&first));
        let task = Box::pin(async move {
            {
                let mut first = first.lock().expect("no task panics");
                if first.is_empty() {
                    *first = folder;
                }
            }
            reporter.progress(Some(folder), 1, 1).await;
        });
        session.runtime().spawn(folder.into(), task)
    };
    for task in [task("Inbox"), task("Sent")].into_iter().flatten() {
        task.await;
    }
    let sent_first = *first.lock().expect("no task panics") == "Sent";
    if sent_first && change != Change::Fixed {
        session.progress(Some("Sent"), 1, 2).await;
    }
}

fn checked(change: Change) -> Check {
    check(move || Store(change)).host(Host::default()).faults(Faults::default()).jobs(1)
}

fn token() -> String {
    let report = checked(Change::Nothing).schedules(500).run();
    assert_eq!(report.counterexamples.len(), 1, "{report}");
    report.counterexamples[0].token().to_string()
}

fn outcome(change: Change) -> ReplayOutcome {
    checked(change).replay(&token()).expect("the scenario is the same").outcome()
}

#[test]
fn unchanged_provider_is_broken_as_before() {
    let replayed = checked(Change::Nothing).replay(&token()).expect("it is the token's check");
    assert_eq!(replayed.outcome(), ReplayOutcome::Broken);
    assert_eq!(replayed.shows_its_defect(), Some(true));
    assert_eq!(replayed.left_over, None);
}

#[test]
fn mended_provider_passes() {
    assert_eq!(outcome(Change::Fixed), ReplayOutcome::Mended);
    checked(Change::Fixed).replay(&token()).expect("the scenario is the same").assert_holds();
}

#[test]
fn changed_providers_never_pass_a_replay() {
    for change in [Change::Spawns, Change::Sleeps] {
        assert_eq!(outcome(change), ReplayOutcome::NoLongerApplies);
    }
    assert_eq!(outcome(Change::Other), ReplayOutcome::NoLongerApplies);
}

#[test]
fn left_over_decision_is_named() {
    let replayed = checked(Change::Other).replay(&token()).expect("the scenario is the same");
    let left_over = replayed.left_over.as_ref().expect("nothing is spawned");
    let decisions = replayed.token.decisions.len();
    assert_eq!(left_over.count, 1);
    assert!(left_over.what.contains("a task that was not spawned"), "{}", left_over.what);
    let said = replayed.to_string();
    let counted = format!(
        ": the token no longer applies\n  1 of {decisions} decision{} was not taken",
        if decisions == 1 { "" } else { "s" }
    );
    assert!(said.contains(&counted), "{said}");
    let mut json = Vec::new();
    Format::Json.write(&mut json, Document::Replay(&replayed), &Palette::PLAIN).expect("memory");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(json["outcome"], "no-longer-applies");
    assert_eq!(json["left_over"]["count"], 1);
}

#[test]
#[should_panic(expected = "the token no longer applies, so its replay tests nothing")]
fn assert_holds_fails_on_a_token_that_no_longer_applies() {
    checked(Change::Other).replay(&token()).expect("the scenario is the same").assert_holds();
}

#[test]
fn search_goes_on_where_a_token_no_longer_applies() {
    let token = token();
    let searched = |change| -> ReplayOrSearch {
        checked(change).schedules(500).replay_or_search(&token).expect("the scenario is the same")
    };
    let fixed = searched(Change::Fixed);
    assert!(fixed.holds() && fixed.search.is_none());
    let other = searched(Change::Other);
    assert!(other.holds() && other.search.is_some(), "{other}");
    for change in [Change::Nothing, Change::Spawns, Change::Sleeps] {
        let found = searched(change);
        assert!(!found.holds(), "{found}");
        assert!(found.to_string().contains("progress-"), "{found}");
    }
}

#[test]
fn damaged_token_reads_well_in_a_failed_unwrap() {
    let error = checked(Change::Nothing).replay("ms2-AAAAAAAA").expect_err("it is damaged");
    assert_eq!(format!("{error:?}"), "the token is damaged: its checksum does not match");
}

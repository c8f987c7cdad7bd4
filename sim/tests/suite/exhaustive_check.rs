//! An exhaustive check says the same for every number of jobs, and what it has shown.

use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::report::{Document, Format, Palette};
use mapi_sync_sim::strategy::TrackedSharing;
use mapi_sync_sim::world::{Folders, Scenario, builtin};
use mapi_sync_sim::{Check, ProofUnit, Report, check};
use serde_json::Value;

fn tiny(name: &str, mutant: Option<&str>) -> Scenario {
    let mut scenario = builtin(name).unwrap().clone();
    scenario.mutant = mutant.map(str::to_owned);
    scenario
}

fn exhaustive(scenario: &Scenario) -> Check {
    Check::simulated(scenario.clone()).strategy("exhaustive").unwrap()
}

/// All that a check says, but for the time that it took and how many helped.
fn said(report: &Report) -> Value {
    let mut text = Vec::new();
    Format::Json.write(&mut text, Document::Check(report), &Palette::PLAIN).unwrap();
    let mut said: Value = serde_json::from_slice(&text).unwrap();
    for key in ["jobs", "elapsed_s", "schedules_per_s"] {
        assert!(said.as_object_mut().unwrap().remove(key).is_some(), "{key}");
    }
    said
}

fn same_for_all_jobs(check: &Check) -> Report {
    let one = check.clone().jobs(1).run();
    for jobs in [2, 3, 8] {
        let many = check.clone().jobs(jobs).run();
        assert_eq!(said(&many), said(&one), "{jobs} jobs");
    }
    one
}

#[test]
fn a_check_says_the_same_for_every_number_of_jobs() {
    for name in ["tiny-sync", "tiny-cancel"] {
        let report = same_for_all_jobs(&exhaustive(&tiny(name, None)));
        assert!(report.complete && report.holds() && report.warnings.is_empty(), "{name}");
        for mutant in ["stops-short", "event-never", "host-closes-twice", "ignores-cancel"] {
            let check = exhaustive(&tiny(name, Some(mutant))).shrink(false);
            assert!(same_for_all_jobs(&check).complete, "{name} {mutant}");
            same_for_all_jobs(&check.fail_fast(true));
        }
    }
}

#[test]
fn a_wider_tree_is_split_and_says_the_same() {
    let mut wide = tiny("tiny-sync", Some("counts-before-report"));
    wide.provider.workers = 2;
    wide.accounts[0].folders = Folders::Count(2);
    let check = exhaustive(&wide).shrink(false);
    let report = same_for_all_jobs(&check);
    assert!(report.complete && report.schedules > 100, "{}", report.schedules);
    assert!(!report.holds());
    let first = same_for_all_jobs(&check.clone().fail_fast(true));
    assert!(!first.complete && first.schedules < report.schedules);
    assert_eq!(first.counterexamples[0].token(), report.counterexamples[0].token());
    let some = same_for_all_jobs(&check.schedules(17));
    assert_eq!((some.schedules, some.complete), (17, false));
}

#[test]
fn a_search_without_choices_is_split_and_says_the_same() {
    let mut wide = tiny("tiny-sync", None);
    wide.provider.workers = 3;
    wide.accounts[0].folders = Folders::Count(4);
    let report = same_for_all_jobs(&exhaustive(&wide));
    assert!(report.complete && report.holds());
    assert_eq!(report.schedules, 3_402);
    wide.mutant = Some("counts-before-report".to_owned());
    let first = same_for_all_jobs(&exhaustive(&wide).shrink(false).fail_fast(true));
    assert!(!first.complete && !first.holds());
}

#[test]
fn every_schedule_is_run_once_for_every_number_of_jobs() {
    for (name, mutant) in [("tiny-cancel", None), ("tiny-sync", Some("counts-before-report"))] {
        for strategy in ["dfs", "preemptions", "delays"] {
            let check = Check::simulated(tiny(name, mutant)).strategy(strategy).unwrap();
            let check = check.shrink(false);
            let report = same_for_all_jobs(&check);
            let all = report.proof.as_ref().unwrap().count;
            assert!(report.complete && all > 50, "{name} {strategy}: {all}");
            // What is not bounded is split.
            assert!(strategy != "dfs" || all > 256, "{name}: {all}");
            // A search with a limit is one sequence.
            let one = check.clone().schedules(10 * report.schedules).run();
            assert_eq!((one.schedules, one.steps), (report.schedules, report.steps));
            assert_eq!(one.proof, report.proof, "{name} {strategy}");
            let tokens = |report: &Report| -> Vec<_> {
                report.counterexamples.iter().map(|found| found.token().to_owned()).collect()
            };
            assert_eq!(tokens(&one), tokens(&report));
            same_for_all_jobs(&check.fail_fast(true));
        }
    }
}

struct Store;

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            session.progress(Some("Inbox"), 1, 1).await;
            session.done(HResult::S_OK).await
        })
    }
}

#[test]
fn own_provider_is_reduced_only_if_declared_tracked() {
    let check = check(|| Store).in_scenario(tiny("tiny-cancel", None));
    let check = check.strategy("exhaustive").unwrap();
    let every = check.run().proof.unwrap();
    let classes = check.tracked_sharing(TrackedSharing).run().proof.unwrap();
    assert_eq!((every.unit, classes.unit), (ProofUnit::Schedules, ProofUnit::Classes));
    assert!(every.complete && classes.complete);
    assert!(1 < classes.count && classes.count < every.count, "{classes} {every}");
}

#[test]
fn the_certificate_names_its_bounds() {
    let proof = |check: Check| check.run().proof.unwrap().to_string();
    let check = exhaustive(&tiny("tiny-cancel", None));
    let words = proof(check.clone());
    assert!(
        words.starts_with(
            "29 classes, exhaustive, under these bounds: no faults, no dropped tasks, at most "
        ),
        "{words}"
    );
    // Too early to tell how many there are.
    let words = proof(check.clone().schedules(5));
    assert!(words.starts_with("not finished: 5 classes of an unknown number; "), "{words}");
    let words = proof(check.clone().strategy("preemptions").unwrap());
    assert!(words.contains(" schedules, exhaustive, under these bounds: at most 2 preemptions, "));
    let words = proof(check.clone().strategy("delays").unwrap());
    assert!(words.contains(" schedules, exhaustive, under these bounds: at most 3 delays, "));
    let words = proof(check.strategy("dfs").unwrap());
    assert!(words.contains(" schedules, exhaustive, under these bounds: no faults, "), "{words}");
    assert_eq!(Check::builtin("tiny-sync").unwrap().schedules(3).run().proof, None);
}

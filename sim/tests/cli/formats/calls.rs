//! What `--format calls` writes, `trace check` reads, and comes to the same verdict.

use mapi_sync::contract::{Rule, Situation};
use mapi_sync::record::{self, TraceReport, WhyNotJudged};
use mapi_sync_sim::report::{Document, Format, Palette};
use mapi_sync_sim::world::{MUTANTS, MutantInfo, World};

use super::report;

/// The check of the calls of a mutant's counterexample, by the policy of its scenario.
fn traced(info: &MutantInfo) -> TraceReport {
    let mut recording = Vec::new();
    let document = Document::Check(report(info.name));
    Format::Calls.write(&mut recording, document, &Palette::PLAIN).expect("it is written");
    let policy = World::new(info.scenario()).policy().clone();
    record::check(recording.as_slice(), policy).expect("it is read")
}

#[test]
fn each_mutant_breaks_the_same_rule_in_its_recording_or_it_is_said_why_not() {
    let mut silent = Vec::new();
    for info in MUTANTS {
        let traced = traced(info);
        let is_broken = traced.violations.iter().any(|broken| broken.rule == info.rule);
        let not_judged = traced.not_judged.iter().find(|not| not.rule == info.rule);
        if !is_broken && not_judged.is_none() {
            silent.push(format!("{}: {} passes: {traced:#?}", info.name, info.rule));
        }
        assert!(!traced.held.contains(&info.rule), "{}: {} did not hold", info.name, info.rule);
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

/// Nothing is accused that the simulation does not accuse.
#[test]
fn a_recording_breaks_no_other_rule() {
    for info in MUTANTS {
        let shown = &report(info.name).counterexamples[0];
        for violation in traced(info).violations {
            // A recording does not show that a start failed: to it, a call of such a sync is one
            // whose Done is missing.
            let is_of_failed_start =
                info.rule == Rule::NO_CALL_ON_FAILED_START && violation.rule == Rule::DONE_ONCE;
            let known = is_of_failed_start
                || shown.execution.breaches.iter().any(|breach| {
                    breach.violation.as_ref().is_some_and(|known| known.rule == violation.rule)
                });
            assert!(known, "{}: {violation}", info.name);
        }
    }
}

/// Of the rules that callbacks can break, these alone are not found in a recording, and each says
/// why.
#[test]
fn what_callbacks_show_is_found_in_recordings() {
    let tasks = WhyNotJudged::TasksUnknown { most: 8 };
    let no_cancel = WhyNotJudged::Missing(Situation::Cancel);
    let expected = [
        ("no-done-when-offline", WhyNotJudged::NoCalls),
        ("no-done-when-dropped", WhyNotJudged::NoCalls),
        ("no-done-without-task", WhyNotJudged::NoCalls),
        ("ignores-cancel", no_cancel),
        ("cancel-as-failure", no_cancel),
        ("ignores-notice", tasks),
    ];
    let mut unseen = Vec::new();
    for info in MUTANTS.iter().filter(|info| !info.rule.needs_start()) {
        let traced = traced(info);
        if traced.violations.iter().all(|broken| broken.rule != info.rule) {
            let not = traced.not_judged.iter().find(|not| not.rule == info.rule);
            unseen.push((info.name, not.expect("it says why").why));
        }
    }
    assert_eq!(unseen, expected);
}

#[test]
fn a_reason_names_what_tasks_could_have_done() {
    let ignores = MUTANTS.iter().find(|info| info.name == "ignores-notice").expect("it is there");
    let traced = traced(ignores);
    let why = traced.not_judged.iter().find(|not| not.rule == Rule::SHUTDOWN_STOPS_WORK);
    let why = why.expect("it is not judged").why;
    assert_eq!(why, WhyNotJudged::TasksUnknown { most: 8 });
    assert_eq!(
        why.to_string(),
        "a trace does not say which task calls, so that up to 8 late calls of Progress pass"
    );
}

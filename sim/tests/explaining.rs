//! What is said to decide does: it is run with it and without it.

use std::collections::BTreeMap;

use mapi_sync_sim::decision::{Decisions, Kind};
use mapi_sync_sim::world::{MUTANTS, MutantInfo, Needs};
use mapi_sync_sim::{Check, Counterexample, Execution, Why};

fn shrunk(info: &MutantInfo) -> Counterexample {
    let check = Check::mutant(info).schedules(5_000).jobs(1).fail_fast(true);
    check.run().counterexamples.swap_remove(0)
}

fn replayed(shown: &Counterexample, decisions: &Decisions) -> Execution {
    let token = shown.subject.token(decisions.clone()).to_string();
    Check::of_token(&token).unwrap().replay(&token).unwrap().execution
}

/// How the calls of a step are told, in an execution that may have numbered them otherwise.
fn calls(execution: &Execution, places: &[usize]) -> Vec<String> {
    places.iter().map(|place| execution.calls[*place].call.call.to_string()).collect()
}

#[test]
fn whatever_is_named_decides() {
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for info in MUTANTS {
        let shown = shrunk(info);
        let defect = shown.defects[0];
        let shows = |decisions| replayed(&shown, decisions).breach(defect).is_some();
        let name = info.name;
        assert!(shows(&shown.decisions), "{name}");
        let kind = match shown.why.as_ref().expect("there was time to look for it") {
            Why::Order { first, second, together, exchanged } => {
                assert!(first.step < second.step, "{name}");
                assert_ne!(first.task, second.task, "{name}");
                assert!(shows(together) && !shows(exchanged), "{name}");
                if second.step == first.step + 1 {
                    assert_eq!(together, &shown.decisions, "{name}");
                }
                // What the two call comes in the other order.
                let [one, two] = [first, second].map(|step| calls(&shown.execution, &step.calls));
                let after = replayed(&shown, exchanged);
                let place = |calls: &[String], wanted: &[String]| {
                    calls.windows(wanted.len().max(1)).position(|some| some == wanted)
                };
                let all = calls(&after, &(0..after.calls.len()).collect::<Vec<_>>());
                if !one.is_empty()
                    && !two.is_empty()
                    && let (Some(one), Some(two)) = (place(&all, &one), place(&all, &two))
                {
                    assert!(two < one, "{name}");
                }
                "order"
            }
            Why::Decision { kind, what, without } => {
                assert!(!shows(without), "{name}: {what}");
                assert!(without.len() < shown.decisions.len() || *kind == Kind::Run, "{name}");
                assert!(!what.is_empty());
                match kind {
                    Kind::Fault => "fault",
                    Kind::Drop => "drop",
                    Kind::Choice => "choice",
                    Kind::Spurious => "spurious",
                    Kind::Run => "switch",
                }
            }
            Why::EverySchedule { others } => {
                assert_eq!(*others, 200);
                let check = Check::mutant(info).changes(shown.subject.changes.clone());
                for seed in 100..150 {
                    let report = check.clone().seed(seed).schedules(1).shrink(false).run();
                    let defects = report.counterexamples.iter().flat_map(|c| &c.defects);
                    assert!(defects.into_iter().any(|found| *found == defect), "{name} {seed}");
                }
                "every schedule"
            }
            Why::Several => {
                assert!(shown.why.as_ref().and_then(Why::without).is_none());
                "several"
            }
        };
        match info.needs {
            Needs::Nothing => assert!(["every schedule", "several"].contains(&kind), "{name}"),
            Needs::Fault => assert!(["fault", "drop"].contains(&kind), "{name}: {kind}"),
            Needs::Cancel => assert!(["choice", "order"].contains(&kind), "{name}: {kind}"),
            Needs::Order | Needs::OrderAndCancel | Needs::OrderAndFault => {
                assert_ne!(kind, "several", "{name}");
            }
        }
        kinds.entry(kind).or_default().push(name);
    }
    assert!(kinds["order"].len() >= 5, "{kinds:?}");
    assert!(kinds.get("several").is_none_or(|names| names.len() <= 1), "{kinds:?}");
}

#[test]
fn nothing_is_explained_that_is_shown_as_it_was_found() {
    let check = Check::mutant(&MUTANTS[0]).schedules(10).jobs(1).shrink(false);
    assert_eq!(check.run().counterexamples[0].why, None);
}

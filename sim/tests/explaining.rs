//! What is said to decide does: it is run with it and without it.

use std::collections::BTreeMap;

use mapi_sync_sim::decision::{Decisions, Kind};
use mapi_sync_sim::world::{MUTANTS, MutantInfo, Needs};
use mapi_sync_sim::{Check, Counterexample, Execution, Report, Why};

fn shrunk(info: &MutantInfo) -> Counterexample {
    report(info).counterexamples.swap_remove(0)
}

fn report(info: &MutantInfo) -> Report {
    Check::mutant(info).schedules(5_000).jobs(1).fail_fast(true).run()
}

fn replayed(shown: &Counterexample, decisions: &Decisions) -> Execution {
    let token = shown.subject.token(decisions.clone()).to_string();
    Check::of_token(&token).unwrap().replay(&token).unwrap().execution
}

/// The texts of the calls of a step, in an execution that may have numbered them otherwise.
fn calls(execution: &Execution, places: &[usize]) -> Vec<String> {
    places.iter().map(|place| execution.calls[*place].call.call.to_string()).collect()
}

#[test]
fn named_cause_decides() {
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for info in MUTANTS {
        let shown = shrunk(info);
        let defect = shown.defects[0];
        let shows = |decisions| replayed(&shown, decisions).breach(defect).is_some();
        let name = info.name;
        assert!(shows(&shown.decisions), "{name}");
        let kind = match shown.why.as_ref().expect("there was time to look for it") {
            Why::Order { first, second, moved, together, exchanged } => {
                assert!(first.step < second.step, "{name}");
                assert_ne!(first.task, second.task, "{name}");
                assert!(shows(together) && !shows(exchanged), "{name}");
                if second.step == first.step + 1 && *moved == 1 {
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
                kind.name()
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
            other => panic!("{name}: {other:?}"),
        };
        match info.needs {
            // In a scenario made smaller, an order may be left to decide.
            Needs::Nothing => assert!(["every schedule", "order"].contains(&kind), "{name}"),
            Needs::Fault => assert!(["fault", "drop"].contains(&kind), "{name}: {kind}"),
            Needs::Cancel => assert!(["choice", "order"].contains(&kind), "{name}: {kind}"),
            Needs::Order | Needs::OrderAndCancel | Needs::OrderAndFault => {
                assert_ne!(kind, "several", "{name}");
            }
            other => panic!("{name} needs {other:?}"),
        }
        kinds.entry(kind).or_default().push(name);
    }
    assert!(kinds["order"].len() >= 5, "{kinds:?}");
    assert_eq!(kinds.get("several"), None, "{kinds:?}");
}

#[test]
fn every_step_that_must_come_first_is_named() {
    let info = MUTANTS.iter().find(|info| info.name == "refuses-overlap").unwrap();
    let report = report(info);
    let shown = &report.counterexamples[0];
    let Some(Why::Order { first, second, moved, .. }) = &shown.why else {
        panic!("{:?}", shown.why);
    };
    // The second start, and the steps of the first sync until it is done.
    assert_eq!((first.step, &*first.task), (1, "main"));
    assert!(calls(&shown.execution, &first.calls)[1].starts_with("SynchronizeInBackground("));
    assert_eq!((second.step, &*second.task, *moved), (3, "sync", 2));
    let text = report.to_string();
    let said = "the order of a step and the next 2 of `sync`; those between can come later";
    assert!(text.contains(said), "{text}");
}

#[test]
fn unshrunk_counterexamples_are_not_explained() {
    let check = Check::mutant(&MUTANTS[0]).schedules(10).jobs(1).shrink(false);
    assert_eq!(check.run().counterexamples[0].why, None);
}

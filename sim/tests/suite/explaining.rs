//! What is said to decide does: it is run with it and without it.

use std::collections::BTreeMap;

use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::decision::{Decisions, Kind};
use mapi_sync_sim::engine;
use mapi_sync_sim::engine::sync::{Notify, Register};
use mapi_sync_sim::world::{Faults, Host, MUTANTS, MutantInfo, Needs};
use mapi_sync_sim::{Check, Counterexample, Defect, Execution, Report, Why, check};

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
            Why::Decision { kind, what, without, .. } => {
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

/// The counterexample of a provider whose sync does this before its Done.
fn of_work<F>(faults: Faults, work: impl Fn() -> F + Clone + Send + Sync + 'static) -> Report
where
    F: Future<Output = ()> + Send + 'static,
{
    struct Does<W>(W);

    #[async_trait]
    impl<W, F> MapiSync for Does<W>
    where
        W: Fn() -> F + Send + Sync,
        F: Future<Output = ()> + Send + 'static,
    {
        async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
            let work = (self.0)();
            request.start(|session| async move {
                work.await;
                session.done(HResult::E_FAIL).await
            })
        }
    }

    let check = check(move || Does(work.clone())).host(Host::default()).faults(faults);
    let report = check.clone().schedules(500).jobs(1).fail_fast(true).run();
    let shown = &report.counterexamples[0];
    let replay = |decisions: &Decisions| {
        let token = shown.subject.token(decisions.clone()).to_string();
        check.replay(&token).unwrap().execution
    };
    assert!(replay(&shown.decisions).breach(shown.defects[0]).is_some());
    if let Some(without) = shown.why.as_ref().and_then(Why::without) {
        assert!(replay(without).breach(shown.defects[0]).is_none());
    }
    report
}

fn decides(report: &Report) -> (Kind, &str) {
    match report.counterexamples[0].why.as_ref() {
        Some(Why::Decision { kind, what, .. }) => (*kind, what),
        other => panic!("{other:?}: {report}"),
    }
}

#[test]
fn a_choice_that_has_its_default_can_decide() {
    let report = of_work(Faults::default(), || async {
        let other = engine::choose("other", 3);
        if engine::choose("count", 4) == 0 {
            std::future::pending::<()>().await;
        }
        engine::sleep(other.into()).await;
    });
    assert_eq!(decides(&report), (Kind::Choice, "`count`, chosen by `sync`, is 0"));
    let text = report.to_string();
    assert!(text.contains("what decides: `count`, chosen by `sync`, is 0"), "{text}");
}

#[test]
fn a_choice_that_departs_is_named_with_its_value() {
    let report = of_work(Faults::default(), || async {
        let task = engine::spawn("drawing", async {
            assert_ne!(engine::choose("count", 4), 3, "three");
        });
        let _ended = task.await;
    });
    assert_eq!(decides(&report), (Kind::Choice, "`count`, chosen by `drawing`, is 3"));
}

#[test]
fn a_choice_decides_with_any_of_its_values() {
    // The last of them only.
    let report = of_work(Faults::default(), || async {
        assert_eq!(engine::choose("count", 9), 8, "not eight");
    });
    assert_eq!(decides(&report), (Kind::Choice, "`count`, chosen by `sync`, is 0"));
}

#[test]
fn a_drop_is_named_before_an_exchange() {
    // A pool that counts a connection before it is made, and does not take that back if the task
    // is dropped meanwhile. The next task waits for it for ever.
    let report = of_work(Faults { task_dropped: 1, ..Faults::default() }, || async {
        let (made, ready) = (Register::new("connections", 0), Notify::new("pool"));
        let free = Register::new("free", 0);
        let workers = ["first", "second"].map(|name| {
            let (made, free, ready) = (made.clone(), free.clone(), ready.clone());
            engine::spawn_droppable(name, async move {
                if made.get() == 0 {
                    made.set(1);
                    engine::sleep(1).await;
                    free.set(1);
                } else {
                    while free.get() == 0 {
                        ready.notified().await;
                    }
                }
                free.set(0);
                engine::yield_now().await;
                free.set(1);
                ready.notify_one();
            })
        });
        for worker in workers {
            let _ended = worker.await;
        }
    });
    let (kind, what) = decides(&report);
    let said = match kind {
        Kind::Drop => "is dropped at its await point number",
        Kind::DropWaiting => "is dropped while it waits, at its wait number",
        other => panic!("{other:?}: {what}"),
    };
    assert!(what.contains(said), "{what}");
    assert!(["`first`", "`second`"].iter().any(|name| what.starts_with(name)), "{what}");
}

#[test]
fn nothing_is_claimed_where_no_single_thing_decides() {
    // Each of two choices must have its default, and each exchange leaves them there.
    let report = of_work(Faults::default(), || async {
        let (one, other) = (engine::choose("one", 2), engine::choose("other", 2));
        let third = engine::choose("third", 2);
        assert!(one + other + third >= 2, "fewer than two");
    });
    let shown = &report.counterexamples[0];
    assert_eq!(shown.defects[0], Defect::Panic);
    assert_eq!(shown.why, Some(Why::Several));
}

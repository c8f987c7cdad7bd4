//! The engine seen from outside: exact orders, exact ends, exact replays.

mod drops;
mod early;
mod everywhere;
mod primitives;
mod segment_notes;
mod turns;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mapi_sync_sim::decision::{Decisions, Departure, Kind, Place, Token};
use mapi_sync_sim::engine::sync::{Mutex, Register, bounded};
use mapi_sync_sim::engine::{
    self, Budget, Builder, ChoicePoint, Decision, End, Engine, JoinError, Limits, Outcome,
    Strategy, TaskId, TaskKey,
};
use mapi_sync_sim::strategy::{Random, Replay};
use proptest::prelude::*;

type Log = Arc<std::sync::Mutex<Vec<String>>>;

fn note(log: &Log, text: impl Into<String>) {
    log.lock().unwrap().push(text.into());
}

fn take(log: &Log) -> Vec<String> {
    std::mem::take(&mut log.lock().unwrap())
}

/// One execution by default decisions.
fn plain(main: impl Future<Output = ()> + Send + 'static) -> Outcome {
    under(Limits::default(), Decisions::default(), main)
}

fn under(
    limits: Limits,
    decisions: Decisions,
    main: impl Future<Output = ()> + Send + 'static,
) -> Outcome {
    Engine::new(limits, Replay::new(decisions)).execute(0, main).unwrap()
}

fn at(kind: Kind, task: TaskKey, ordinal: u32) -> Place {
    Place { kind, task, site: 0, ordinal }
}

#[test]
fn by_default_the_current_task_carries_on() {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let outcome = plain(async move {
        for name in ["a", "b"] {
            let seen = Arc::clone(&seen);
            engine::spawn(name, async move {
                for i in 0..2 {
                    note(&seen, format!("{name}{i}"));
                    engine::yield_now().await;
                }
            });
        }
        engine::yield_now().await;
        note(&seen, "main");
    });
    assert_eq!(take(&log), ["main", "a0", "a1", "b0", "b1"]);
    assert_eq!((outcome.end, outcome.steps, outcome.tasks), (End::Completed, 8, 3));
}

#[test]
fn one_departure_is_one_context_switch() {
    let log = Log::default();
    let program = || {
        let log = Arc::clone(&log);
        async move {
            for name in ["a", "b"] {
                let log = Arc::clone(&log);
                engine::spawn(name, async move {
                    for i in 0..3 {
                        note(&log, format!("{name}{i}"));
                        engine::yield_now().await;
                    }
                });
            }
        }
    };
    let [a, b] = [0, 1].map(|i| TaskKey::MAIN.child(i));
    let switch = Departure { place: at(Kind::Run, a, 2), value: b.get() };
    under(Limits::default(), Decisions::new(vec![switch]), program());
    assert_eq!(take(&log), ["a0", "a1", "b0", "b1", "b2", "a2"]);
    // What cannot be followed is as if it were not there.
    let nobody = Departure { place: at(Kind::Run, a, 1), value: 12345 };
    let nowhere = Departure { place: at(Kind::Run, a, 77), value: b.get() };
    under(Limits::default(), Decisions::new(vec![nobody, switch, nowhere]), program());
    assert_eq!(take(&log), ["a0", "a1", "b0", "b1", "b2", "a2"]);
}

#[test]
fn equal_timers_fire_in_every_order_and_unequal_ones_in_one() {
    let program = |log: &Log, step: u64| {
        let log = Arc::clone(log);
        async move {
            for i in 0..3_u64 {
                let log = Arc::clone(&log);
                engine::spawn("sleeper", async move {
                    engine::sleep(10 + i * step).await;
                    note(&log, format!("{i}@{}", engine::now()));
                });
            }
        }
    };
    let log = Log::default();
    let mut engine = Engine::new(Limits::default(), Random::new(5));
    let mut orders = |step: u64| {
        let run = |i| {
            assert_eq!(engine.execute(i, program(&log, step)).unwrap().end, End::Completed);
            take(&log)
        };
        (0..200).map(run).collect::<BTreeSet<_>>()
    };
    assert_eq!(orders(0).len(), 6);
    assert_eq!(orders(5), BTreeSet::from([["0@10", "1@15", "2@20"].map(String::from).to_vec()]));
}

#[test]
fn the_clock_may_run_ahead_within_the_skew() {
    let program = |log: &Log| {
        let log = Arc::clone(log);
        async move {
            let busy = Arc::clone(&log);
            engine::spawn("busy", async move {
                engine::yield_now().await;
                engine::yield_now().await;
                note(&busy, format!("busy@{}", engine::now()));
            });
            engine::sleep(10).await;
            note(&log, format!("timeout@{}", engine::now()));
        }
    };
    let log = Log::default();
    for (skew_ms, expected) in [(0, 1), (9, 1), (10, 3)] {
        let mut engine = Engine::new(Limits::default().with_skew_ms(skew_ms), Random::new(5));
        let mut orders = BTreeSet::new();
        for i in 0..200 {
            engine.execute(i, program(&log)).unwrap();
            let first = take(&log);
            orders.insert(first.clone());
            engine.replay(&engine.decisions(), program(&log));
            assert_eq!(take(&log), first);
        }
        assert_eq!(orders.len(), expected, "{orders:?}");
    }
}

#[test]
fn deadlock_names_each_waiting_task_its_object_and_its_place() {
    let began = line!();
    let outcome = plain(async {
        let (left, right) = (Mutex::new("left", ()), Mutex::new("right", ()));
        let (l, r) = (left.clone(), right.clone());
        let other = engine::spawn("other", async move {
            let _r = r.lock().await;
            engine::sleep(1).await;
            let _l = l.lock().await;
        });
        let _l = left.lock().await;
        engine::sleep(1).await;
        let waiter = engine::spawn("waiter", async move {
            let _ = other.await;
        });
        let _r = right.lock().await;
        let _ = waiter.await;
    });
    let End::Deadlock(blocked) = &outcome.end else { panic!("{:?}", outcome.end) };
    let waits: Vec<_> = blocked.iter().map(|task| (&*task.task, &*task.on)).collect();
    let expected = [
        ("main", "mutex \"right\""),
        ("other", "mutex \"left\""),
        ("waiter", "the end of task \"other\""),
    ];
    assert_eq!(waits, expected);
    let lock = |line: u32| format!("{}:{line}", file!());
    let (others, own) = (began + 7, began + 14);
    let places = blocked.iter().map(|task| task.place.clone());
    assert_eq!(places.collect::<Vec<_>>(), [Some(lock(own)), Some(lock(others)), None]);
    assert_eq!(
        outcome.end.to_string(),
        format!(
            "deadlock: task \"main\" waits for mutex \"right\", at {}; \
             task \"other\" waits for mutex \"left\", at {}; \
             task \"waiter\" waits for the end of task \"other\"",
            lock(own),
            lock(others),
        )
    );
}

#[test]
fn livelocks_end_by_steps_and_by_time() {
    let limits = Limits::default().with_max_steps(50).with_max_virtual_ms(1000);
    let spin = under(limits, Decisions::default(), async {
        loop {
            engine::yield_now().await;
        }
    });
    assert_eq!((spin.end, spin.steps), (End::Livelock(Budget::Steps), 50));
    let tick = under(limits, Decisions::default(), async {
        loop {
            engine::sleep(400).await;
        }
    });
    assert_eq!((tick.end, tick.virtual_ms), (End::Livelock(Budget::VirtualTime), 800));
}

#[test]
fn panic_ends_only_its_task() {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let outcome = plain(async move {
        let child = engine::spawn("breaker", async {
            engine::yield_now().await;
            panic!("broken {}", 7);
        });
        note(&seen, format!("{:?}", child.await));
        engine::sleep(5).await;
        note(&seen, "on");
    });
    assert_eq!(take(&log), ["Err(Panicked)", "on"]);
    assert_eq!((outcome.end, outcome.virtual_ms), (End::Completed, 5));
    let [panic] = &outcome.panics[..] else { panic!("one panic: {:?}", outcome.panics) };
    assert_eq!((panic.name.as_str(), panic.message.as_str()), ("breaker", "broken 7"));
    assert!(panic.place.as_ref().is_some_and(|place| place.starts_with(concat!(file!(), ":"))));
}

#[test]
fn next_execution_is_clean_after_a_panic_of_the_strategy() {
    /// Panics at the second decision of execution 0.
    struct Faulty(u32);

    impl Strategy for Faulty {
        fn begin(&mut self, index: u64) -> bool {
            self.0 = if index == 0 { 2 } else { u32::MAX };
            true
        }

        fn pick(&mut self, at: &Decision<'_>) -> TaskId {
            self.0 -= 1;
            assert!(self.0 > 0, "no idea");
            at.nth(1)
        }

        fn choose(&mut self, _: &ChoicePoint) -> u32 {
            0
        }
    }

    let log = Log::default();
    let program = || {
        let log = Arc::clone(&log);
        async move {
            for name in ["a", "b", "c"] {
                let tomb = Tomb(Arc::clone(&log), name, false);
                engine::spawn(name, async move {
                    engine::yield_now().await;
                    note(&tomb.0, tomb.1);
                });
            }
            engine::sleep(10).await;
        }
    };
    let mut engine = Engine::new(Limits::default(), Faulty(0));
    let caught = catch_unwind(AssertUnwindSafe(|| engine.execute(0, program())));
    let text = caught.expect_err("the strategy's panic is passed on");
    assert_eq!(text.downcast_ref(), Some(&"no idea"));
    assert!(!engine::is_simulated());
    assert_eq!(take(&log), ["a dropped", "b dropped", "c dropped"]);
    let outcome = engine.execute(1, program()).unwrap();
    assert_eq!((outcome.end, outcome.tasks, outcome.virtual_ms), (End::Completed, 4, 10));
    assert_eq!(take(&log), ["b", "b dropped", "c", "c dropped", "a", "a dropped"]);
}

/// Notes its drop, and panics on request.
struct Tomb(Log, &'static str, bool);

impl Drop for Tomb {
    fn drop(&mut self) {
        note(&self.0, format!("{} dropped", self.1));
        assert!(!self.2, "in drop");
    }
}

#[test]
fn an_aborted_task_is_dropped_at_its_await_point() {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let outcome = plain(async move {
        let tomb = Tomb(Arc::clone(&seen), "inner", false);
        let inner = Arc::clone(&seen);
        let child = engine::spawn("child", async move {
            let _tomb = tomb;
            note(&inner, "runs");
            engine::sleep(100).await;
            note(&inner, "never");
        });
        engine::sleep(10).await;
        note(&seen, "abort");
        child.abort();
        note(&seen, "asked");
        assert_eq!(child.await, Err(JoinError::Aborted));
        note(&seen, format!("@{}", engine::now()));
    });
    assert_eq!(take(&log), ["runs", "abort", "asked", "inner dropped", "@10"]);
    assert_eq!((outcome.end, outcome.virtual_ms), (End::Completed, 10));
}

#[test]
fn a_panicking_drop_is_caught_wherever_it_happens() {
    let log = Log::default();
    let tomb = |name, loud| Tomb(Arc::clone(&log), name, loud);
    let (first, second) = (tomb("first", true), tomb("second", true));
    let outcome = plain(async move {
        let child = engine::spawn("first", async move {
            let _tomb = first;
            std::future::pending::<()>().await;
        });
        Builder::new("second").background().spawn(async move {
            let _tomb = second;
            std::future::pending::<()>().await;
        });
        engine::sleep(1).await;
        child.abort();
    });
    assert_eq!(take(&log), ["first dropped", "second dropped"]);
    assert_eq!(outcome.end, End::Completed);
    let names: Vec<_> =
        outcome.panics.iter().map(|p| (p.name.as_str(), p.message.as_str())).collect();
    assert_eq!(names, [("first", "in drop"), ("second", "in drop")]);
}

#[test]
fn a_droppable_task_is_dropped_at_each_await_point_and_never_before_the_first() {
    let log = Log::default();
    let program = || {
        let log = Arc::clone(&log);
        async move {
            let end = engine::spawn_droppable("victim", async move {
                for i in 0..3 {
                    note(&log, i.to_string());
                    engine::yield_now().await;
                }
                note(&log, "end");
            })
            .await;
            assert!(end.is_ok() || end == Err(JoinError::Aborted));
        }
    };
    let limits = Limits::default().with_drops(1);
    let victim = TaskKey::MAIN.child(0);
    let mut seen = Vec::new();
    for ordinal in 0..4 {
        let drop = Departure { place: at(Kind::Drop, victim, ordinal), value: 1 };
        assert_eq!(under(limits, Decisions::new(vec![drop]), program()).end, End::Completed);
        seen.push(take(&log).concat());
    }
    assert_eq!(seen, ["0", "01", "012", "012end"]);
}

#[test]
fn faults_stop_at_their_budget() {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let limits = Limits::default().with_faults(2);
    let site = engine::Site::new("wire");
    let all = (0..5).map(|ordinal| {
        let place = Place { kind: Kind::Fault, task: TaskKey::MAIN, site: site.hash(), ordinal };
        Departure { place, value: 1 }
    });
    under(limits, all.collect(), async move {
        for _ in 0..5 {
            note(&seen, engine::fault("wire").to_string());
            assert!(!engine::fault("another"));
        }
    });
    assert_eq!(take(&log), ["true", "true", "false", "false", "false"]);
}

#[test]
fn repeat_detects_state_outside_the_program() {
    let count = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let program = || {
        let count = Arc::clone(&count);
        async move {
            for _ in 0..count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                engine::yield_now().await;
            }
        }
    };
    let mut engine = Engine::new(Limits::default(), Random::new(1));
    let outcome = engine.execute(0, program()).unwrap();
    assert_eq!(engine.repeat(&outcome, program()).unwrap_err().step, 1);
}

/// A program from a list of small numbers: tasks over shared objects, with sleeps, choices, faults
/// and aborts.
async fn random_program(code: Vec<u8>, log: Log) {
    let cell = Register::new("cell", 0_u32);
    let door = Mutex::new("door", ());
    let (tx, mut rx) = bounded("pipe", 1);
    let mut handles = Vec::new();
    for (name, ops) in code.chunks(4).enumerate() {
        let ops = ops.to_vec();
        let (cell, door, tx, log) = (cell.clone(), door.clone(), tx.clone(), Arc::clone(&log));
        handles.push(engine::spawn_droppable(format!("task {name}"), async move {
            for op in ops {
                match op % 8 {
                    0 => engine::yield_now().await,
                    1 => engine::sleep(u64::from(op / 8 % 3)).await,
                    2 => cell.write(u32::from(op)).await,
                    3 => note(&log, format!("{name} reads {}", cell.read().await)),
                    4 => {
                        let _guard = door.lock().await;
                        engine::yield_now().await;
                    }
                    5 => drop(tx.send(op).await),
                    6 => note(&log, format!("{name} chooses {}", engine::choose("number", 3))),
                    _ => note(&log, format!("{name} faults {}", engine::fault("wire"))),
                }
            }
        }));
    }
    drop(tx);
    while let Ok(op) = rx.recv().await {
        note(&log, format!("received {op}"));
        if op % 3 == 0 {
            handles[0].abort();
        }
    }
    for handle in handles {
        note(&log, format!("{:?} @{}", handle.await, engine::now()));
    }
}

proptest! {
    #[test]
    fn an_execution_is_replayed_by_its_token(
        code in proptest::collection::vec(any::<u8>(), 0..16),
        seed in any::<u64>(),
        skew_ms in 0..2_u64,
    ) {
        let log = Log::default();
        let limits = Limits::default().with_faults(2).with_drops(1).with_spurious(1);
        let limits = limits.with_skew_ms(skew_ms);
        let mut engine = Engine::new(limits, Random::new(seed));
        let program = || random_program(code.clone(), Arc::clone(&log));
        for index in 0..4 {
            let first = engine.execute(index, program()).unwrap();
            let seen = take(&log);
            let fingerprint = engine.fingerprint();
            let decisions = engine.decisions();
            // An execution depends on its index alone: another engine that runs only this one does
            // the same.
            let mut fresh = Engine::new(limits, Random::new(seed));
            let again = fresh.execute(index, program()).unwrap();
            prop_assert_eq!(&again, &first);
            prop_assert_eq!((fresh.fingerprint(), take(&log)), (fingerprint, seen.clone()));
            prop_assert_eq!(engine.repeat(&first, program()), Ok(()));
            prop_assert_eq!(take(&log), seen.clone());
            // Through the printed form.
            let text = Token::new(vec![], None, decisions.clone()).to_string();
            let token: Token = text.parse().unwrap();
            let outcome = fresh.replay(&token.decisions, program());
            prop_assert_eq!((fresh.fingerprint(), take(&log)), (fingerprint, seen));
            prop_assert_eq!((outcome.end, outcome.panics), (first.end, first.panics));
            prop_assert_eq!(fresh.decisions(), decisions.clone());
            // Less of it is a schedule too.
            let half: Decisions = decisions.departures().iter().step_by(2).copied().collect();
            fresh.replay(&half, program());
            take(&log);
        }
    }
}

#[test]
fn a_task_that_is_not_droppable_is_never_dropped_however_often_it_is_polled() {
    // After 63 polls a task is looked at before each.
    let program = || async {
        let child = engine::spawn("child", async {
            for _ in 0..200 {
                engine::yield_now().await;
                engine::progress();
            }
        });
        assert_eq!(child.await, Ok(()));
    };
    let limits = Limits::default().with_drops(1);
    let child = TaskKey::MAIN.child(0);
    for ordinal in 0..200 {
        let drop = Departure { place: at(Kind::Drop, child, ordinal), value: 1 };
        let outcome = under(limits, Decisions::new(vec![drop]), program());
        assert_eq!((outcome.end, outcome.panics), (End::Completed, Vec::new()), "{ordinal}");
    }
}

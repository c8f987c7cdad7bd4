//! Tasks that run before their `spawn` returns.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use mapi_sync_sim::decision::{Decisions, Departure, Kind};
use mapi_sync_sim::engine::{self, Builder, End, Engine, JoinError, Limits, Outcome, TaskKey};
use mapi_sync_sim::strategy::Random;

use super::{Log, at, note, take, under};

fn limits() -> Limits {
    Limits::default().with_early_segments(10)
}

/// Runs a program whose first tasks run these numbers of segments early.
fn early(segments: &[u64], main: impl Future<Output = ()> + Send + 'static) -> Outcome {
    let departures = (0..).zip(segments).filter(|(_, value)| **value > 0);
    let departures = departures.map(|(ordinal, value)| Departure {
        place: at(Kind::Early, TaskKey::MAIN, ordinal),
        value: *value,
    });
    under(limits(), Decisions::new(departures.collect()), main)
}

/// A child that yields twice, joined by its parent.
async fn yields_twice(log: Log) {
    let seen = Arc::clone(&log);
    let child = Builder::new("child").early().spawn(async move {
        for piece in 0..3 {
            note(&seen, piece.to_string());
            engine::yield_now().await;
        }
    });
    note(&log, "spawned");
    assert_eq!(child.await, Ok(()));
    note(&log, "joined");
}

#[test]
fn new_task_runs_as_many_segments_as_decided_before_its_spawn_returns() {
    let log = Log::default();
    for (segments, expected) in [
        (0, "spawned 0 1 2 joined"),
        (1, "0 spawned 1 2 joined"),
        (2, "0 1 spawned 2 joined"),
        (3, "0 1 2 spawned joined"),
        (10, "0 1 2 spawned joined"),
        (11, "spawned 0 1 2 joined"),
    ] {
        let outcome = early(&[segments], yields_twice(Arc::clone(&log)));
        assert_eq!(outcome.end, End::Completed);
        assert_eq!(take(&log).join(" "), expected, "{segments}");
    }
}

#[test]
fn early_task_that_waits_is_woken_by_what_comes_later() {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let outcome = early(&[10, 10, 10], async move {
        let (send, receive) = engine::sync::oneshot("word");
        let event = engine::sync::Event::new("event");
        let waits = event.clone();
        let children = [
            Builder::new("receiver").early().spawn({
                let seen = Arc::clone(&seen);
                async move {
                    note(&seen, "receives");
                    receive.await.unwrap();
                    note(&seen, "received");
                }
            }),
            Builder::new("sleeper").early().spawn({
                let seen = Arc::clone(&seen);
                async move {
                    engine::sleep(5).await;
                    note(&seen, format!("slept {}", engine::now()));
                }
            }),
            Builder::new("waiter").early().spawn(async move { waits.wait().await }),
        ];
        note(&seen, "spawned");
        send.send(()).unwrap();
        event.set();
        for child in children {
            assert_eq!(child.await, Ok(()));
        }
    });
    assert_eq!(outcome.end, End::Completed);
    assert_eq!(take(&log), ["receives", "spawned", "received", "slept 5"]);
}

#[test]
fn yield_of_the_spawning_task_survives_an_early_child() {
    let outcome = early(&[10], async move {
        let mut polled = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut polled, true) {
                return Poll::Ready(());
            }
            let yields = std::pin::pin!(engine::yield_now());
            assert!(yields.poll(cx).is_pending());
            Builder::new("child").early().spawn(async { engine::sleep(1).await });
            Poll::Pending
        })
        .await;
    });
    assert_eq!(outcome.end, End::Completed);
}

#[test]
fn early_panic_is_the_childs() {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let outcome = early(&[1], async move {
        let child = Builder::new("child").early().spawn(async { panic!("too early") });
        note(&seen, format!("{}", child.is_finished()));
        assert_eq!(child.await, Err(JoinError::Panicked));
    });
    assert_eq!((outcome.end, take(&log)), (End::Completed, vec!["true".to_owned()]));
    let [panic] = &outcome.panics[..] else { panic!("{:?}", outcome.panics) };
    assert_eq!((panic.name.as_str(), panic.message.as_str()), ("child", "too early"));
    assert!(panic.early && panic.place.as_ref().is_some_and(|place| place.contains("early.rs")));
}

#[test]
fn deadlock_of_an_early_task_names_what_it_waits_for() {
    let outcome = early(&[1], async {
        let (_send, receive) = engine::sync::oneshot::<()>("word");
        let never = engine::sync::Event::new("never");
        let child = Builder::new("child").early().spawn(async move {
            never.wait().await;
            drop(receive);
        });
        assert_eq!(child.await, Ok(()));
    });
    let end = outcome.end.to_string();
    assert!(end.contains("task \"child\" waits for"), "{end}");
    assert!(end.contains("\"never\""), "{end}");
}

#[test]
fn children_of_an_early_task_come_after_it() {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let outcome = early(&[10], async move {
        let inner = Arc::clone(&seen);
        let child = Builder::new("child").early().spawn(async move {
            let innermost = Arc::clone(&inner);
            let grandchild = Builder::new("grandchild").early().spawn(async move {
                note(&innermost, "grandchild");
            });
            note(&inner, "child");
            assert_eq!(grandchild.await, Ok(()));
        });
        note(&seen, "main");
        let names = [0, 1, 2].map(|n| engine::task_name(engine::TaskId::from_index(n)));
        assert_eq!(names, ["main", "child", "grandchild"]);
        assert_eq!(child.await, Ok(()));
    });
    assert_eq!(outcome.end, End::Completed);
    assert_eq!(take(&log), ["child", "main", "grandchild"]);
}

#[test]
fn early_tasks_replay() {
    let mut engine = Engine::new(limits(), Random::new(6));
    let mut orders = std::collections::BTreeSet::new();
    for index in 0..300 {
        let log = Log::default();
        let outcome = engine.execute(index, yields_twice(Arc::clone(&log))).unwrap();
        engine.repeat(&outcome, yields_twice(Log::default())).unwrap();
        let decisions = engine.decisions();
        let seen = take(&log);
        engine.replay(&decisions, yields_twice(Arc::clone(&log)));
        assert_eq!(take(&log), seen);
        orders.insert(seen);
    }
    assert_eq!(orders.len(), 4, "{orders:?}");
}

//! Turns, and the log of them.

use std::sync::Arc;

use mapi_sync_sim::engine::sync::Event;
use mapi_sync_sim::engine::{self, Budget, End, Engine, Limits, TaskId};
use mapi_sync_sim::strategy::Random;

use super::{Log, note, plain, take};

#[test]
fn yield_works_through_a_set_of_futures() {
    use futures::stream::{FuturesUnordered, StreamExt};
    let log = Log::default();
    let seen = Arc::clone(&log);
    let outcome = plain(async move {
        // The set polls only what was woken through its own wakers.
        let set: FuturesUnordered<_> = (0..3)
            .map(|i| async move {
                engine::yield_now().await;
                i
            })
            .collect();
        note(&seen, format!("{:?}", set.collect::<Vec<_>>().await));
        // Two futures give up the turn in one segment, and the task is ready once.
        let before = engine::current_step();
        futures::join!(engine::yield_now(), engine::yield_now());
        note(&seen, format!("{}", engine::current_step() - before));
    });
    assert_eq!(outcome.end, End::Completed);
    assert_eq!(take(&log), ["[0, 1, 2]", "1"]);
}

#[test]
fn yield_of_a_task_that_ends_is_forgotten() {
    use futures::FutureExt;
    for panics in [false, true] {
        let outcome = plain(async move {
            engine::spawn("ends", async move {
                assert!(engine::yield_now().now_or_never().is_none());
                futures::select_biased! {
                    () = engine::yield_now().fuse() => {}
                    () = std::future::ready(()).fuse() => assert!(!panics, "on purpose"),
                }
            });
            engine::spawn("waits", async { Event::new("never").wait().await });
        });
        let End::Deadlock(blocked) = outcome.end else { panic!("{:?}", outcome.end) };
        assert_eq!(blocked.len(), 1);
        assert_eq!(blocked[0].task, "waits");
        assert_eq!((outcome.steps, outcome.panics.len()), (3, usize::from(panics)));
    }
}

#[test]
fn next_execution_does_not_see_the_old_log() {
    let steps = |count: u32| async move {
        for _ in 0..count {
            engine::yield_now().await;
        }
    };
    let mut engine = Engine::new(Limits::default(), Random::new(1));
    engine.execute(0, steps(200)).unwrap();
    assert_eq!(engine.trace().count(), 201);
    let long = engine.fingerprint();
    engine.execute(1, steps(3)).unwrap();
    assert_eq!(engine.trace().collect::<Vec<_>>(), [TaskId::MAIN; 4]);
    let short = engine.fingerprint();

    // The limit holds although there is room for more.
    engine.limits_mut().max_steps = 100;
    let outcome = engine.execute(2, steps(200)).unwrap();
    assert_eq!((outcome.end, outcome.steps), (End::Livelock(Budget::Steps), 100));
    assert_eq!(engine.trace().count(), 100);
    // The clock takes steps of its own, and the next segment finds the limit.
    let outcome = engine.execute(3, async { engine::sleep(5).await }).unwrap();
    assert_eq!(outcome.end, End::Completed);
    assert_eq!(engine.trace().collect::<Vec<_>>(), [TaskId::MAIN, TaskId::CLOCK, TaskId::MAIN]);
    engine.limits_mut().max_steps = 1;
    let sleeps = async {
        for _ in 0..3 {
            engine::sleep(5).await;
        }
    };
    let outcome = engine.execute(4, sleeps).unwrap();
    assert_eq!((outcome.end, outcome.steps), (End::Livelock(Budget::Steps), 2));
    assert_eq!(engine.trace().collect::<Vec<_>>(), [TaskId::MAIN, TaskId::CLOCK]);

    *engine.limits_mut() = Limits::default();
    engine.execute(5, steps(3)).unwrap();
    assert_eq!(engine.fingerprint(), short);
    engine.execute(6, steps(200)).unwrap();
    assert_eq!(engine.fingerprint(), long);
}

#[test]
fn ten_thousand_tasks_run() {
    let mut engine = Engine::new(Limits::default(), Random::new(1));
    let outcome = engine
        .execute(0, async {
            let handles: Vec<_> = (0..10_000_u64)
                .map(|i| engine::spawn("one of many", async move { engine::sleep(i % 10).await }))
                .collect();
            for handle in handles {
                handle.await.unwrap();
            }
        })
        .unwrap();
    assert_eq!((outcome.end, outcome.tasks, outcome.virtual_ms), (End::Completed, 10_001, 9));
}

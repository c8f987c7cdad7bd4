//! Drops by decision of a task that waits.

use std::collections::BTreeSet;
use std::sync::Arc;

use mapi_sync_sim::decision::{Decisions, Departure, Kind};
use mapi_sync_sim::engine::{self, End, Engine, Limits, TaskKey};
use mapi_sync_sim::strategy::{Dfs, Dpor, Random, TrackedSharing};

use super::{Log, Tomb, at, note, take, under};

const WAITER: TaskKey = TaskKey::MAIN.child(0);
const HELPER: TaskKey = TaskKey::MAIN.child(1);

fn limits() -> Limits {
    Limits::default().with_drops(1).with_drops_waiting(true)
}

/// A task waits for the answer of another one, which works in three pieces.
fn waits_for_a_helper(log: &Log) -> impl Future<Output = ()> + Send + 'static {
    let tomb = Tomb(Arc::clone(log), "waiter", false);
    let log = Arc::clone(log);
    async move {
        let (answer, answered) = engine::sync::oneshot("answer");
        engine::spawn_droppable("waiter", async move {
            let _tomb = tomb;
            let _ = answered.await;
        });
        engine::spawn("helper", async move {
            for piece in 0..3 {
                engine::sleep(10).await;
                note(&log, piece.to_string());
            }
            let _ = answer.send(());
        });
    }
}

fn replayed(departures: Vec<Departure>) -> (Vec<String>, u64) {
    let log = Log::default();
    let outcome = under(limits(), Decisions::new(departures), waits_for_a_helper(&log));
    assert_eq!(outcome.end, End::Completed);
    (take(&log), outcome.steps)
}

#[test]
fn drop_while_waiting_is_one_in_place_of_the_next_segment_unless_switched_to() {
    let drop = |kind, ordinal| Departure { place: at(kind, WAITER, ordinal), value: 1 };
    let while_waiting = replayed(vec![drop(Kind::DropWaiting, 0)]);
    assert_eq!(while_waiting.0, ["0", "1", "2", "waiter dropped"]);
    assert_eq!(while_waiting, replayed(vec![drop(Kind::Drop, 0)]));
    // One context switch places it anywhere before.
    for (segments, expected) in [
        (1, ["waiter dropped", "0", "1", "2"]),
        (2, ["0", "waiter dropped", "1", "2"]),
        (3, ["0", "1", "waiter dropped", "2"]),
    ] {
        let switch = Departure { place: at(Kind::Run, HELPER, segments), value: WAITER.get() };
        let (events, _) = replayed(vec![drop(Kind::DropWaiting, 0), switch]);
        assert_eq!(events, expected);
    }
}

#[test]
fn only_droppable_tasks_are_dropped_however_often_they_are_polled() {
    let program = || async {
        engine::spawn("other", async {
            for _ in 0..500 {
                engine::yield_now().await;
            }
            engine::sleep(1).await;
        });
    };
    let mut engine = Engine::new(limits(), Random::new(2));
    for index in 0..100 {
        assert_eq!(engine.execute(index, program()).unwrap().end, End::Completed);
        assert_eq!(engine.drops(), 0);
    }
}

/// What the executions of a search show.
fn all(mut engine: Engine, executions: u64) -> BTreeSet<Vec<String>> {
    let mut seen = BTreeSet::new();
    for index in 0..executions {
        let log = Log::default();
        let Some(outcome) = engine.execute(index, waits_for_a_helper(&log)) else { return seen };
        engine.repeat(&outcome, waits_for_a_helper(&Log::default())).unwrap();
        assert_eq!(outcome.end, End::Completed);
        seen.insert(take(&log));
    }
    seen
}

#[test]
fn random_drops_of_a_waiting_task_come_at_every_moment_of_its_wait() {
    let every = all(Engine::new(limits(), Dfs::new()), 10_000);
    assert_eq!(every.len(), 4, "{every:?}");
    assert_eq!(all(Engine::new(limits(), Random::new(4)), 2_000), every);
    // Without the limit, it is dropped once it could run again.
    let exact = limits().with_drops_waiting(false);
    assert_eq!(all(Engine::new(exact, Random::new(4)), 200).len(), 1);
}

#[test]
fn reducing_search_says_that_it_drops_no_task_that_waits() {
    let mut engine = Engine::new(limits(), Dpor::new(TrackedSharing));
    while engine.execute(0, waits_for_a_helper(&Log::default())).is_some() {}
    let proof = engine.proof().unwrap();
    assert!(!proof.complete);
    assert!(proof.to_string().contains("without drops of waiting tasks"), "{proof}");
}

//! Tasks: inside of executions, every schedule, and on the real tokio.

use std::cell::RefCell;
use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use mapi_sync_engine::strategy::Random;
use mapi_sync_engine::{self as engine, End, Engine, Limits};
use tokio::task::{self, JoinSet, LocalSet};

use crate::common::{All, classes, exhaust, once, outside};

#[test]
fn outputs_come_back() {
    async fn program() -> (u32, u32) {
        let first = tokio::spawn(async { 1 });
        let second = task::spawn_blocking(|| 2);
        assert_ne!(first.id(), second.id());
        (first.await.unwrap(), second.await.unwrap())
    }
    assert_eq!(exhaust(program).results.into_keys().collect::<Vec<_>>(), [(1, 2)]);
    assert_eq!(outside(program()), (1, 2));
}

fn without_numbers(text: &str) -> String {
    text.replace(char::is_numeric, "")
}

#[test]
fn a_panic_goes_to_whoever_joins_the_task() {
    async fn program() -> (bool, String, String) {
        let error = tokio::spawn(async { panic!("no {}", task::id()) }).await.unwrap_err();
        let (is_panic, text) = (error.is_panic() && !error.is_cancelled(), error.to_string());
        let payload = error.into_panic();
        let payload = payload.downcast_ref::<String>().unwrap();
        (is_panic, without_numbers(&text), without_numbers(payload))
    }
    let expected = (true, "task  panicked with message \"no \"".to_owned(), "no ".to_owned());
    assert!(exhaust(program).results.into_keys().eq([expected.clone()]));
    assert_eq!(outside(program()), expected);
}

#[test]
fn a_panic_that_nobody_takes_is_the_executions() {
    // The handle is gone before the panic, after it, or never.
    let (outcome, _) = once(1, async {
        drop(tokio::spawn(async { panic!("at once") }));
        task::yield_now().await;
        let late = tokio::spawn(async { panic!("later") });
        while !late.is_finished() {
            task::yield_now().await;
        }
        drop(late);
    });
    assert_eq!(outcome.end, End::Completed);
    let texts: Vec<_> = outcome.panics.iter().map(|panic| panic.message.as_str()).collect();
    assert!(texts.contains(&"later"), "{texts:?}");
    assert!(outcome.panics[0].name.contains("a_panic_that_nobody_takes"), "{outcome:?}");
}

struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("not to be dropped");
    }
}

#[test]
fn an_output_that_panics_does_not_harm_who_drops_the_handle() {
    async fn program() -> bool {
        let task = tokio::spawn(async { PanicsOnDrop });
        while !task.is_finished() {
            task::yield_now().await;
        }
        drop(task);
        true
    }
    let (outcome, went_on) = once(1, program());
    assert_eq!((outcome.end, went_on), (End::Completed, Some(true)));
    // Nobody took it.
    assert_eq!(outcome.panics.len(), 1);
    assert_eq!(outcome.panics[0].message, "not to be dropped");
    assert!(outside(program()));
}

#[test]
fn a_panic_at_an_abort_goes_to_whoever_joins_the_task() {
    async fn program() -> bool {
        let guard = PanicsOnDrop;
        let task = tokio::spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        task::yield_now().await;
        task.abort();
        task.await.unwrap_err().is_panic()
    }
    assert!(exhaust(program).results.into_keys().eq([true]));
    assert!(outside(program()));
}

struct SetsOnDrop(Arc<AtomicBool>);

impl Drop for SetsOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn an_aborted_task_is_dropped() {
    async fn program() -> (bool, bool) {
        let dropped = Arc::new(AtomicBool::new(false));
        let guard = SetsOnDrop(Arc::clone(&dropped));
        let task = tokio::spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        task::yield_now().await;
        let abort = task.abort_handle();
        assert_eq!(abort.id(), task.id());
        abort.abort();
        let error = task.await.unwrap_err();
        assert!(error.try_into_panic().unwrap_err().is_cancelled() && abort.is_finished());
        (dropped.load(Ordering::Relaxed), true)
    }
    assert!(exhaust(program).results.into_keys().eq([(true, true)]));
    assert_eq!(outside(program()), (true, true));
}

#[test]
fn abort_after_the_end_changes_nothing() {
    async fn program() -> Result<u32, bool> {
        let task = tokio::spawn(async { 7 });
        task::yield_now().await;
        task.abort();
        task.await.map_err(|error| error.is_cancelled())
    }
    assert!(exhaust(program).results.into_keys().eq([Ok(7), Err(true)]));
    assert_eq!(outside(program()), Ok(7));
}

#[test]
fn a_task_whose_handle_is_dropped_goes_on() {
    async fn program() -> u32 {
        let count = Arc::new(AtomicU32::new(0));
        let counts = Arc::clone(&count);
        drop(tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(2)).await;
            counts.fetch_add(1, Ordering::Relaxed);
        }));
        tokio::time::sleep(Duration::from_millis(5)).await;
        count.load(Ordering::Relaxed)
    }
    assert!(classes(program).results.into_keys().eq([1]));
    assert_eq!(outside(program()), 1);
}

#[test]
fn the_execution_ends_with_its_main_task() {
    let dropped = Arc::new(AtomicBool::new(false));
    let guard = SetsOnDrop(Arc::clone(&dropped));
    let (outcome, _) = once(1, async {
        tokio::spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
    });
    assert_eq!(outcome.end, End::Completed);
    assert!(dropped.load(Ordering::Relaxed));
}

#[test]
fn a_set_joins_in_the_order_of_ends() {
    async fn program() -> Vec<u32> {
        let mut set = JoinSet::new();
        for ms in [3, 1, 2] {
            set.spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                ms as u32
            });
        }
        assert_eq!(set.len(), 3);
        let mut order = Vec::new();
        while let Some(task) = set.join_next().await {
            order.push(task.unwrap());
        }
        order
    }
    assert!(classes(program).results.into_keys().eq([vec![1, 2, 3]]));
    assert_eq!(outside(program()), [1, 2, 3]);
}

#[test]
fn a_set_of_ready_tasks_joins_in_every_order() {
    async fn program() -> Vec<u32> {
        let set: JoinSet<_> = (0..3).map(|i| async move { i }).collect();
        set.join_all().await
    }
    let All { results, .. } = exhaust(program);
    assert_eq!(results.len(), 6, "{results:?}");
    let mut order = outside(program());
    order.sort_unstable();
    assert_eq!(order, [0, 1, 2]);
}

#[test]
fn a_dropped_set_aborts_its_tasks() {
    async fn program() -> (bool, bool, usize) {
        let dropped = [0, 1].map(|_| Arc::new(AtomicBool::new(false)));
        let mut set = JoinSet::new();
        let [first, second] = dropped.clone().map(SetsOnDrop);
        set.spawn(async move {
            let _guard = first;
            pending::<()>().await;
        });
        task::yield_now().await;
        assert!(set.try_join_next().is_none());
        set.shutdown().await;
        let left = set.len();
        set.spawn(async move {
            let _guard = second;
            pending::<()>().await;
        });
        drop(set);
        tokio::time::sleep(Duration::from_millis(1)).await;
        let [first, second] = dropped.map(|dropped| dropped.load(Ordering::Relaxed));
        (first, second, left)
    }
    assert!(classes(program).results.into_keys().eq([(true, true, 0)]));
    assert_eq!(outside(program()), (true, true, 0));
}

#[test]
fn local_tasks_run_while_their_set_is_driven() {
    // The main future is Send, as an execution demands; what it drives is not.
    assert!(
        exhaust(|| async { tokio::spawn(LocalWork).await.unwrap() })
            .results
            .into_keys()
            .eq([vec![1, 2]])
    );
    assert_eq!(outside(LocalWork), [1, 2]);
}

type Work = Pin<Box<dyn Future<Output = Vec<u32>>>>;

/// Polls work that is not `Send` to its end, on one thread.
struct LocalWork;

impl Future for LocalWork {
    type Output = Vec<u32>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Vec<u32>> {
        thread_local! {
            static WORK: RefCell<Option<Work>> = const { RefCell::new(None) };
        }
        let mut work = WORK.take().unwrap_or_else(|| Box::pin(local_work()));
        let polled = work.as_mut().poll(cx);
        if polled.is_pending() {
            WORK.set(Some(work));
        }
        polled
    }
}

async fn local_work() -> Vec<u32> {
    let set = LocalSet::new();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let (early, late) = (Rc::clone(&seen), Rc::clone(&seen));
    let early = set.spawn_local(async move { early.borrow_mut().push(1) });
    task::yield_now().await;
    // It is not driven yet.
    assert!(seen.borrow().is_empty());
    set.run_until(async move {
        early.await.unwrap();
        task::spawn_local(async move { late.borrow_mut().push(2) }).await.unwrap();
    })
    .await;
    let stays = Rc::clone(&seen);
    let stays = set.spawn_local(async move {
        pending::<()>().await;
        drop(stays);
    });
    drop(set);
    assert!(stays.await.unwrap_err().is_cancelled());
    Rc::try_unwrap(seen).unwrap().into_inner()
}

#[test]
fn ids_are_those_of_tasks() {
    async fn program() -> bool {
        assert_eq!(task::try_id(), None);
        let task = tokio::spawn(async { task::id() });
        let id = task.id();
        task.await.unwrap() == id
    }
    assert!(exhaust(program).results.into_keys().eq([true]));
    assert!(outside(program()));
}

/// The same program on the engine itself.
async fn on_the_engine(tasks: u32) -> u32 {
    let handles: Vec<_> = (0..tasks)
        .map(|_| {
            engine::spawn("task", async {
                engine::yield_now().await;
                engine::sleep(1).await;
            })
        })
        .collect();
    for handle in handles {
        handle.await.unwrap();
    }
    tasks
}

async fn on_the_stand_in(tasks: u32) -> u32 {
    let handles: Vec<_> = (0..tasks)
        .map(|_| {
            tokio::spawn(async {
                task::yield_now().await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            })
        })
        .collect();
    for handle in handles {
        handle.await.unwrap();
    }
    tasks
}

#[test]
fn spawn_and_sleep_have_the_classes_of_the_engine() {
    for tasks in 1..4 {
        let ours = classes(|| on_the_engine(tasks)).classes;
        assert_eq!(classes(|| on_the_stand_in(tasks)).classes, ours);
        assert_eq!(ours, 1);
    }
}

/// As on a runtime with several threads.
#[test]
fn a_task_may_run_before_spawn_returns() {
    let mut early = 0;
    for seed in 0..40 {
        let limits = Limits::default().with_early_segments(2);
        let mut engine = Engine::new(limits, Random::new(seed));
        let seen = Arc::new(AtomicU32::new(0));
        let counts = Arc::clone(&seen);
        let outcome = engine.execute(0, async move {
            let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
            let ran = Arc::new(AtomicBool::new(false));
            let runs = Arc::clone(&ran);
            let task = tokio::spawn(async move {
                runs.store(true, Ordering::Relaxed);
                sender.send(3).await.unwrap();
                task::yield_now().await;
                4
            });
            counts.store(u32::from(ran.load(Ordering::Relaxed)), Ordering::Relaxed);
            assert_eq!((receiver.recv().await, task.await.unwrap()), (Some(3), 4));
        });
        let outcome = outcome.unwrap();
        assert_eq!((outcome.end, outcome.panics), (End::Completed, vec![]));
        early += seen.load(Ordering::Relaxed);
    }
    assert!((1..40).contains(&early), "{early}");
}

//! What polls once and never again, as `now_or_never` does, gets what is ready.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use mapi_sync_sim::strategy::TrackedSharing;
use mapi_sync_sim::{Defect, explore};
use tokio::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, broadcast, mpsc, oneshot, watch,
};
use tokio::task::{self, JoinSet};
use tokio::time::{self, Instant};

extern crate mapi_sync_tokio as tokio;

async fn what_is_ready() {
    let mutex = Arc::new(Mutex::new(1));
    assert_eq!(mutex.lock().now_or_never().map(|guard| *guard), Some(1));
    assert!(Arc::clone(&mutex).lock_owned().now_or_never().is_some());
    let lock = RwLock::new(1);
    assert!(lock.read().now_or_never().is_some());
    assert!(lock.write().now_or_never().is_some());
    let permits = Semaphore::new(1);
    assert!(permits.acquire().now_or_never().is_some());

    let (sender, mut receiver) = mpsc::channel(1);
    assert_eq!(sender.send(1).now_or_never(), Some(Ok(())));
    assert_eq!(receiver.recv().now_or_never(), Some(Some(1)));
    assert!(sender.reserve().now_or_never().is_some());
    let (sender, mut receiver) = mpsc::unbounded_channel();
    sender.send(1).unwrap();
    assert_eq!(receiver.recv().now_or_never(), Some(Some(1)));
    let (sender, receiver) = oneshot::channel();
    sender.send(1).unwrap();
    assert_eq!(receiver.now_or_never(), Some(Ok(1)));
    let (sender, mut receiver) = broadcast::channel(1);
    sender.send(1).unwrap();
    assert_eq!(receiver.recv().now_or_never(), Some(Ok(1)));
    let (sender, mut receiver) = watch::channel(0);
    sender.send(1).unwrap();
    assert!(receiver.changed().now_or_never().is_some());

    let notify = Notify::new();
    notify.notify_one();
    assert!(notify.notified().now_or_never().is_some());
    let cell = OnceCell::new();
    assert_eq!(cell.get_or_init(|| async { 1 }).now_or_never(), Some(&1));
    assert!(Barrier::new(1).wait().now_or_never().is_some());

    let task = tokio::spawn(async { 1 });
    let mut set = JoinSet::new();
    set.spawn(async { 1 });
    while !task.is_finished() || set.try_join_next().is_none() {
        task::yield_now().await;
    }
    assert_eq!(task.now_or_never().map(Result::unwrap), Some(1));
    assert!(set.join_next().now_or_never().flatten().is_none());
    assert!(time::sleep_until(Instant::now()).now_or_never().is_some());
    let mut ticks = time::interval(Duration::from_millis(5));
    assert!(ticks.tick().now_or_never().is_some());
}

async fn what_is_not_ready() {
    let mutex = Mutex::new(1);
    let guard = mutex.lock().await;
    assert!(mutex.lock().now_or_never().is_none());
    drop(guard);
    // The wait was given up.
    assert_eq!(*mutex.lock().await, 1);
    let (sender, mut receiver) = mpsc::channel::<u32>(1);
    assert!(receiver.recv().now_or_never().is_none());
    assert!(time::sleep(Duration::from_millis(5)).now_or_never().is_none());
    assert!(tokio::spawn(async {}).now_or_never().is_none());
    assert!(task::yield_now().now_or_never().is_none());
    drop(sender);
    assert_eq!(receiver.recv().now_or_never(), Some(None));
}

#[test]
fn what_is_ready_comes_at_the_first_poll() {
    explore(what_is_ready).schedules(200).run().assert_holds();
}

#[test]
fn what_is_not_ready_does_not_come() {
    explore(what_is_not_ready).early_tasks(false).schedules(200).run().assert_holds();
}

#[test]
fn looks_of_two_tasks_are_explored() {
    let program = || async {
        let mutex = Arc::new(Mutex::new(0));
        let tasks = [(); 2].map(|()| {
            let mutex = Arc::clone(&mutex);
            tokio::spawn(async move {
                let guard = mutex.lock().now_or_never();
                task::yield_now().await;
                guard.is_some()
            })
        });
        let mut got = 0;
        for task in tasks {
            got += usize::from(task.await.unwrap());
        }
        assert_eq!(got, 2, "one was refused");
    };
    for strategy in ["portfolio", "exhaustive"] {
        let check = explore(program).strategy(strategy).unwrap().tracked_sharing(TrackedSharing);
        let report = check.run();
        let found = report.counterexamples.first().expect("the tasks overlap");
        assert_eq!(found.defects, [Defect::Panic], "{report}");
    }
}

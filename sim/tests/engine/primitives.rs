//! The tracked objects, and primitives of others.

use std::sync::Arc;

use mapi_sync_sim::engine::sync::{
    Condvar, Event, Mutex, Notify, Register, Semaphore, bounded, oneshot, unbounded,
};
use mapi_sync_sim::engine::{self, End, Engine, Limits};
use mapi_sync_sim::strategy::Random;

use super::{Log, note, plain, take};

#[test]
fn channels_keep_order_bound_and_end() {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let outcome = plain(async move {
        let (tx, mut rx) = bounded("pipe", 2);
        let done = Arc::clone(&seen);
        let sender = engine::spawn("sender", async move {
            for i in 0..4 {
                tx.send(i).await.unwrap();
                note(&done, format!("sent {i}"));
            }
            assert!(!tx.is_closed());
        });
        engine::sleep(1).await;
        while let Ok(i) = rx.recv().await {
            note(&seen, format!("got {i}"));
        }
        assert!(sender.await.is_ok());
        let (tx, rx) = unbounded("gone");
        drop(rx);
        assert_eq!(tx.send(1).await.unwrap_err().0, 1);
        let (tx, rx) = oneshot::<u8>("none");
        drop(tx);
        assert!(rx.await.is_err());
    });
    assert_eq!(outcome.end, End::Completed);
    assert!(outcome.panics.is_empty(), "{:?}", outcome.panics);
    assert_eq!(
        take(&log),
        ["sent 0", "sent 1", "got 0", "got 1", "sent 2", "sent 3", "got 2", "got 3"]
    );
}

#[test]
fn events_semaphores_and_notifications_wake_the_right_tasks() {
    let outcome = plain(async {
        let (event, semaphore, notify) =
            (Event::new("go"), Semaphore::new("two", 2), Notify::new("bell"));
        let count = Register::new("count", 0);
        let tasks = [0; 4].map(|_| {
            let (event, semaphore, count) = (event.clone(), semaphore.clone(), count.clone());
            engine::spawn("waiter", async move {
                event.wait().await;
                let _permit = semaphore.acquire().await.unwrap();
                assert!(
                    count.update(|n| {
                        *n += 1;
                        *n
                    }) <= 2
                );
                engine::sleep(10).await;
                count.update(|n| *n -= 1);
            })
        });
        engine::sleep(5).await;
        event.set();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(engine::now(), 25);
        notify.notify_one();
        notify.notify_one();
        notify.notified().await;
        let mut second = notify.notified();
        second.enable();
        notify.notify_waiters();
        second.await;
        assert_eq!(semaphore.available_permits(), 2);
    });
    assert_eq!((outcome.end, outcome.virtual_ms), (End::Completed, 25));
    assert!(outcome.panics.is_empty(), "{:?}", outcome.panics);
}

#[test]
fn a_notification_to_a_dropped_waiter_passes_on() {
    let outcome = plain(async {
        let bell = Notify::new("bell");
        let (mut first, mut second) = (bell.notified(), bell.notified());
        first.enable();
        second.enable();
        bell.notify_one();
        drop(first);
        second.await;
    });
    assert_eq!(outcome.end, End::Completed);
}

#[test]
fn condition_variable_releases_the_mutex_and_takes_it_again() {
    let mut engine = Engine::new(Limits::default(), Random::new(3));
    for index in 0..500 {
        let outcome = engine
            .execute(index, async {
                let (ready, changed) = (Mutex::new("ready", false), Condvar::new("changed"));
                let (r, c) = (ready.clone(), changed.clone());
                engine::spawn("setter", async move {
                    *r.lock().await = true;
                    c.notify_one();
                });
                let mut guard = ready.lock().await;
                while !*guard {
                    guard = changed.wait(guard).await;
                }
            })
            .unwrap();
        assert_eq!(outcome.end, End::Completed);
    }
}

#[test]
fn primitives_of_tokio_and_combinators_of_futures_work() {
    let mut engine = Engine::new(Limits::default(), Random::new(9));
    for index in 0..200 {
        let outcome = engine
            .execute(index, async {
                let (tx, mut rx) = tokio::sync::mpsc::channel(1);
                for i in 0..3_u64 {
                    let tx = tx.clone();
                    engine::spawn("sender", async move {
                        engine::sleep(i).await;
                        tx.send(i).await.unwrap();
                    });
                }
                drop(tx);
                let mut sum = 0;
                while let Some(i) = rx.recv().await {
                    sum += i;
                }
                assert_eq!(sum, 3);
                let late = std::pin::pin!(engine::sleep(50));
                let soon = std::pin::pin!(engine::sleep(20));
                assert!(matches!(
                    futures::future::select(late, soon).await,
                    futures::future::Either::Right(_)
                ));
                futures::future::join_all((0..10).map(engine::sleep)).await;
                assert_eq!(engine::now(), 31);
            })
            .unwrap();
        assert_eq!((outcome.end, outcome.virtual_ms), (End::Completed, 31));
        assert!(outcome.panics.is_empty(), "{:?}", outcome.panics);
    }
}

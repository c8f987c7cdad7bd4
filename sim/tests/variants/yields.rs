//! Loops that yield until something is there.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Poll;

use mapi_sync_sim::engine;
use tokio::sync::{Mutex, mpsc};

use crate::steps::{Steps, joined, produce};
use crate::{Variant, ms, variants};

/// Sets a flag after a while, and when it is dropped.
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn raised_after(steps: &Steps, length: u64) -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let raises = Flag(Arc::clone(&flag));
    let clock = steps.clone();
    if let Some(task) = steps.spawn(async move {
        clock.sleep(length).await;
        drop(raises);
    }) {
        task.detach();
    }
    flag
}

pub(super) const YIELDS: &[Variant] = variants! {
    "until a flag is up": |session| {
        let steps = Steps::new(&session, 1);
        let flag = raised_after(&steps, 5);
        while !flag.load(Ordering::Acquire) {
            engine::yield_now().await;
        }
        steps.step().await;
        steps.end(session).await
    }
    "until a flag is up or a cancel comes": |session| {
        let steps = Steps::new(&session, 1);
        let flag = raised_after(&steps, 500);
        while !flag.load(Ordering::Acquire) && !steps.is_cancelled() {
            engine::yield_now().await;
        }
        steps.step().await;
        steps.end(session).await
    }
    "a hundred times": |session| {
        let steps = Steps::new(&session, 1);
        for _ in 0..100 {
            engine::yield_now().await;
        }
        steps.step().await;
        steps.end(session).await
    }
    "between any two steps": |session| {
        let steps = Steps::new(&session, 5);
        for _ in 0..5 {
            engine::yield_now().await;
            steps.step().await;
        }
        steps.end(session).await
    }
    "until a lock is free": |session| {
        let steps = Steps::new(&session, 1);
        let (lock, holds) = (Arc::new(Mutex::new(())), steps.clone());
        let held = Arc::clone(&lock);
        let worker = steps.spawn(async move {
            let _held = held.lock().await;
            holds.sleep(9).await;
        });
        while lock.try_lock().is_err() {
            engine::yield_now().await;
        }
        joined(worker).await;
        steps.step().await;
        steps.end(session).await
    }
    "by waking itself": |session| {
        let steps = Steps::new(&session, 1);
        let flag = raised_after(&steps, 3);
        poll_fn(|cx| {
            if flag.load(Ordering::Acquire) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        steps.step().await;
        steps.end(session).await
    }
    "two that look at each other": |session| {
        let steps = Steps::new(&session, 2);
        let turn = AtomicU32::new(0);
        let player = |own: u32| {
            let (turn, steps) = (&turn, &steps);
            async move {
                while turn.load(Ordering::Acquire) != own {
                    engine::yield_now().await;
                }
                steps.step().await;
                turn.store(own + 1, Ordering::Release);
            }
        };
        futures::join!(player(1), player(0));
        steps.end(session).await
    }
    "until a channel has something": |session| {
        let steps = Steps::new(&session, 3);
        let (sender, mut receiver) = mpsc::channel(1);
        let worker = steps.spawn(produce(steps.clone(), sender, 3));
        loop {
            match receiver.try_recv() {
                Ok(_) => steps.step().await,
                Err(mpsc::error::TryRecvError::Empty) => engine::yield_now().await,
                Err(mpsc::error::TryRecvError::Disconnected) => break,
            }
        }
        joined(worker).await;
        steps.end(session).await
    }
    "until it is late enough": |session| {
        let steps = Steps::new(&session, 1);
        let end = steps.runtime.now() + ms(12);
        while steps.runtime.now() < end {
            engine::yield_now().await;
        }
        steps.step().await;
        steps.end(session).await
    }
    "with a sleep now and then": |session| {
        let steps = Steps::new(&session, 1);
        let flag = raised_after(&steps, 40);
        let mut looks = 0;
        while !flag.load(Ordering::Acquire) {
            looks += 1;
            if looks % 10 == 0 {
                steps.sleep(1).await;
            } else {
                engine::yield_now().await;
            }
        }
        steps.step().await;
        steps.end(session).await
    }
};

//! Programs with hand-written futures, which need only the wakers of an executor.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use futures::future::{abortable, poll_fn};

use crate::world::{Cell, World};

/// The program of this name.
pub fn named(program: &str) -> Option<fn(&mut World)> {
    Some(match program {
        "cancelled waiter" => |world| cancelled_waiter(world, 6),
        "last message" => |world| last_message(world, 4),
        "oneshot" => |world| oneshot(world, 8),
        _ => return None,
    })
}

/// Locks state that tasks use between scheduling points. It is never contended, because one task
/// runs at a time. If it is poisoned, a task has shown the bug.
fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes one sleeping task, and counts how often it was rung.
#[derive(Clone, Default)]
struct Bell(Arc<Mutex<(u32, Option<Waker>)>>);

impl Bell {
    fn ring(&self) {
        let mut bell = lock(&self.0);
        bell.0 += 1;
        let waker = bell.1.take();
        drop(bell);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn rung(&self) -> u32 {
        lock(&self.0).0
    }

    /// Sleeps until it has been rung more than `times` times.
    async fn after(&self, times: u32) {
        poll_fn(|cx| {
            let mut bell = lock(&self.0);
            if bell.0 > times {
                return Poll::Ready(());
            }
            bell.1 = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

async fn work(cell: Cell, steps: u32) {
    for step in 0..steps {
        cell.store(step).await;
    }
}

/// A sender sends its messages and closes the channel. The receiver looks for a message, and if
/// there is none, checks whether the channel is closed. The bug: the last message and the close
/// come between the two, and the message is lost.
fn last_message(world: &mut World, messages: u32) {
    let (sent, closed) = (world.cell(), world.cell());
    let bell = Bell::default();
    let (queue, close, caller) = (sent.clone(), closed.clone(), bell.clone());
    world.task(async move {
        for message in 1..=messages {
            queue.store(message).await;
            caller.ring();
        }
        close.store(1).await;
        caller.ring();
    });
    world.task(async move {
        let mut received = 0;
        loop {
            let rung = bell.rung();
            if sent.load().await > received {
                received += 1;
                continue;
            }
            if closed.load().await == 1 {
                assert_eq!(received, messages, "a message was lost");
                return;
            }
            bell.after(rung).await;
        }
    });
}

/// A receiver checks whether the message is there. If not, it leaves its waker and sleeps. The bug:
/// the message comes in between, finds no waker, and nobody wakes the receiver.
fn oneshot(world: &mut World, steps: u32) {
    let (complete, waiting, own) = (world.cell(), world.cell(), world.cell());
    let bell = Bell::default();
    let (sent, caller) = (complete.clone(), bell.clone());
    world.task(async move {
        work(own, steps).await;
        sent.store(1).await;
        caller.ring();
    });
    world.task(async move {
        if complete.load().await == 0 {
            waiting.store(1).await;
            let rung = bell.rung();
            bell.after(rung).await;
        }
    });
}

#[derive(Default)]
struct Queue {
    free: u32,
    next: u32,
    waiting: VecDeque<(u32, Waker)>,
    granted: Vec<u32>,
}

/// Permits that go to the waiters in order.
#[derive(Clone, Default)]
struct Permits(Arc<Mutex<Queue>>);

impl Permits {
    async fn acquire(&self) {
        let mut ticket = None;
        poll_fn(|cx| {
            let mut queue = lock(&self.0);
            match ticket {
                None if queue.free > 0 => {
                    queue.free -= 1;
                    return Poll::Ready(());
                }
                None => {
                    queue.next += 1;
                    ticket = Some(queue.next);
                    let entry = (queue.next, cx.waker().clone());
                    queue.waiting.push_back(entry);
                }
                Some(own) => {
                    if let Some(place) = queue.granted.iter().position(|granted| *granted == own) {
                        queue.granted.remove(place);
                        return Poll::Ready(());
                    }
                }
            }
            Poll::Pending
        })
        .await;
        // The bug: the permit of a waiter that is dropped after it was granted is lost.
    }

    fn release(&self) {
        let mut queue = lock(&self.0);
        let Some((ticket, waker)) = queue.waiting.pop_front() else {
            queue.free += 1;
            return;
        };
        queue.granted.push(ticket);
        drop(queue);
        waker.wake();
    }
}

/// Two tasks wait for a permit that a third gives back. A fourth cancels the first of them. The
/// bug: the permit is granted to the task that is then cancelled, and the other waits for ever.
fn cancelled_waiter(world: &mut World, steps: u32) {
    let permits = Permits::default();
    let (first, second, own) = (permits.clone(), permits.clone(), world.cell());
    let (waiter, cancel) = abortable(async move {
        first.acquire().await;
        own.store(1).await;
        first.release();
    });
    world.task(async move {
        let _ = waiter.await;
    });
    let own = world.cell();
    world.task(async move {
        // This step lets the other waiter queue first in the order of spawning.
        own.store(1).await;
        second.acquire().await;
        own.store(2).await;
        second.release();
    });
    let own = world.cell();
    world.task(async move {
        work(own, steps).await;
        permits.release();
    });
    let own = world.cell();
    world.task(async move {
        work(own, steps).await;
        cancel.abort();
    });
}

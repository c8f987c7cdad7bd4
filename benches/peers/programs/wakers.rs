//! Programs with futures of their own, which need an executor's wakers and nothing else of it.

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

/// State between scheduling points: never contended, as one task runs at a time. A task that
/// panicked was one that showed the bug.
fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One task that sleeps, and how often it was called.
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

    /// Sleeps until it has been rung more often than this.
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
/// there is none, whether the channel is closed. The bug: the last message and the close come
/// between the two, and the message is lost.
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

/// A receiver looks whether the message is there, and if not, leaves its waker and sleeps. The bug:
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

/// Permits that are handed to those who wait, in order.
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
        // Nothing takes care of a waiter that is dropped with its permit granted.
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

/// Two tasks wait for a permit that a third gives back; a fourth cancels the first of them. The
/// bug: the permit was handed to the one that is cancelled, before it could take note, and the
/// other waits for ever.
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
        // It comes second.
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

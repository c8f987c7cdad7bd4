//! Waking one waiter, or all; and the condition variable made of it.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use super::mutex::MutexGuard;
use super::point::Point;
use crate::context::{self, Place, WaitFor};
use crate::footprint::Object;
use crate::lock::lock;
use crate::wakeup::Wakeup;

/// Wakes waiting tasks, in order. [`notify_one`](Self::notify_one) without a waiting task is kept
/// for the next who comes, once.
#[derive(Clone)]
pub struct Notify {
    shared: Arc<NotifyShared>,
}

struct NotifyShared {
    object: Object,
    state: Mutex<NotifyState>,
}

struct NotifyState {
    /// The step that left a notification behind.
    kept: Option<u64>,
    next_ticket: u64,
    queue: VecDeque<(u64, Option<Wakeup>)>,
    /// Tickets that were notified: at which step, and whether the notification passes on if the
    /// waiter is gone.
    notified: Vec<(u64, u64, bool)>,
}

impl Notify {
    /// A notifier of this name.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let state = NotifyState {
            kept: None,
            next_ticket: 0,
            queue: VecDeque::new(),
            notified: Vec::new(),
        };
        Self {
            shared: Arc::new(NotifyShared { object: Object::new(name), state: Mutex::new(state) }),
        }
    }

    /// Wakes the first waiting task; if there is none, the next one does not have to wait.
    pub fn notify_one(&self) {
        self.shared.notify_one(true);
    }

    /// Wakes all tasks that wait now.
    pub fn notify_waiters(&self) {
        self.shared.object.write();
        let mut state = lock(&self.shared.state);
        let step = context::step();
        let mut wakers = Vec::new();
        while let Some((ticket, waker)) = state.queue.pop_front() {
            state.notified.push((ticket, step, false));
            wakers.extend(waker);
        }
        drop(state);
        wakers.into_iter().for_each(Wakeup::wake);
    }

    /// Waits to be notified. It stands in the queue from the segment that follows its first poll,
    /// or from [`enable`](Notified::enable).
    #[track_caller]
    pub fn notified(&self) -> Notified {
        Notified {
            shared: Arc::clone(&self.shared),
            place: Some(Location::caller()),
            stage: NotifiedStage::New,
            point: Point::default(),
        }
    }
}

impl NotifyShared {
    fn notify_one(&self, keep: bool) {
        self.object.write();
        let mut state = lock(&self.state);
        let step = context::step();
        let waker = match state.queue.pop_front() {
            Some((ticket, waker)) => {
                state.notified.push((ticket, step, true));
                waker
            }
            None => {
                if keep {
                    state.kept = Some(step);
                }
                None
            }
        };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Stands in the queue, or takes a kept notification.
    fn stand(&self, waker: Option<Wakeup>) -> NotifiedStage {
        self.object.write();
        let mut state = lock(&self.state);
        if state.kept.take().is_some() {
            return NotifiedStage::Done;
        }
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.queue.push_back((ticket, waker));
        NotifiedStage::Queued(ticket)
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify").field("name", &self.shared.object.name()).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum NotifiedStage {
    New,
    Queued(u64),
    Done,
}

/// The future of [`Notify::notified`]. Dropped after it was notified and before it was polled, it
/// passes the notification on.
#[must_use = "futures do nothing unless they are awaited"]
pub struct Notified {
    shared: Arc<NotifyShared>,
    place: Place,
    stage: NotifiedStage,
    point: Point,
}

impl Notified {
    /// Stands in the queue now, within the running segment.
    pub fn enable(&mut self) {
        if self.stage == NotifiedStage::New {
            self.stage = self.shared.stand(None);
        }
    }
}

impl Future for Notified {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        match this.stage {
            NotifiedStage::New => {
                std::task::ready!(this.point.poll(cx));
                this.stage = this.shared.stand(Some(Wakeup::new(cx)));
                if this.stage == NotifiedStage::Done {
                    return Poll::Ready(());
                }
            }
            NotifiedStage::Queued(ticket) => {
                let mut state = lock(&this.shared.state);
                if let Some(at) = state.notified.iter().position(|(n, ..)| *n == ticket) {
                    let (_, step, _) = state.notified.remove(at);
                    drop(state);
                    this.stage = NotifiedStage::Done;
                    context::consumed(this.shared.object.id(), step);
                    return Poll::Ready(());
                }
                if let Some((_, waker)) = state.queue.iter_mut().find(|(n, _)| *n == ticket) {
                    *waker = Some(Wakeup::new(cx));
                }
                drop(state);
                this.shared.object.read();
            }
            NotifiedStage::Done => return Poll::Ready(()),
        }
        let name = this.shared.object.name();
        context::waits_for(WaitFor::Object { kind: "a notification of", name }, this.place);
        context::enqueued_on(this.shared.object.id());
        Poll::Pending
    }
}

impl Drop for Notified {
    fn drop(&mut self) {
        let NotifiedStage::Queued(ticket) = self.stage else { return };
        self.shared.object.write();
        let mut state = lock(&self.shared.state);
        let mut gone = None;
        let mut pass_on = false;
        if let Some(at) = state.notified.iter().position(|(n, ..)| *n == ticket) {
            pass_on = state.notified.remove(at).2;
        } else if let Some(at) = state.queue.iter().position(|(n, _)| *n == ticket) {
            gone = state.queue.remove(at);
        }
        drop(state);
        drop(gone);
        if pass_on {
            self.shared.notify_one(true);
        }
    }
}

impl fmt::Debug for Notified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notified").field("of", &self.shared.object.name()).finish_non_exhaustive()
    }
}

/// A condition variable: waits are bound to a mutex, and a notification without a waiting task is
/// lost.
#[derive(Clone, Debug)]
pub struct Condvar {
    notify: Notify,
}

impl Condvar {
    /// A condition variable of this name.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { notify: Notify::new(name) }
    }

    /// Gives the mutex up, waits for a notification, and takes the mutex again. Giving up and
    /// beginning to wait are one.
    #[track_caller]
    pub fn wait<T: Send>(&self, guard: MutexGuard<T>) -> impl Future<Output = MutexGuard<T>> {
        let place = Location::caller();
        async move {
            let mut notified = self.notify.notified();
            notified.place = Some(place);
            notified.enable();
            let mutex = guard.mutex().clone();
            drop(guard);
            notified.await;
            mutex.lock_at(place).await
        }
    }

    /// Wakes the first waiting task, if there is one.
    pub fn notify_one(&self) {
        self.notify.shared.notify_one(false);
    }

    /// Wakes all waiting tasks.
    pub fn notify_all(&self) {
        self.notify.notify_waiters();
    }
}

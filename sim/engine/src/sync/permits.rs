//! Permits handed out in order: what the locks, the semaphore and the bounded channel stand on.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use super::point::Point;
use crate::context::{self, Place, WaitFor};
use crate::footprint::Object;
use crate::lock::lock;
use crate::wakeup::Wakeup;

/// A count of permits with a queue of waiting tasks. Permits that come free go to the head of the
/// queue, so no task overtakes another. Asking and giving back are writes: the order of either can
/// be seen.
pub(super) struct Permits {
    object: Object,
    kind: &'static str,
    state: Mutex<PermitState>,
}

struct PermitState {
    free: usize,
    closed: bool,
    next_ticket: u64,
    queue: VecDeque<Waiter>,
    /// Tickets whose permits were granted and not yet picked up, with the step that granted them.
    granted: Vec<(u64, u64)>,
}

struct Waiter {
    ticket: u64,
    need: usize,
    waker: Wakeup,
}

impl Permits {
    pub(super) fn new(kind: &'static str, name: &'static str, free: usize) -> Self {
        let state = PermitState {
            free,
            closed: false,
            next_ticket: 0,
            queue: VecDeque::new(),
            granted: Vec::new(),
        };
        Self { object: Object::new(name), kind, state: Mutex::new(state) }
    }

    pub(super) fn name(&self) -> &'static str {
        self.object.name()
    }

    /// Takes `need` permits in the running segment, if they are free and no task waits.
    pub(super) fn try_acquire(&self, need: usize) -> bool {
        self.object.write();
        let mut state = lock(&self.state);
        let taken = !state.closed && state.queue.is_empty() && state.free >= need;
        if taken {
            state.free -= need;
        }
        taken
    }

    pub(super) fn acquire(self: Arc<Self>, need: usize, place: Place) -> Acquire {
        Acquire { permits: self, need, place, stage: AcquireStage::New, point: Point::default() }
    }

    /// Gives permits back.
    pub(super) fn release(&self, count: usize) {
        self.object.write();
        let mut state = lock(&self.state);
        state.free += count;
        let wakers = state.grant();
        drop(state);
        wakers.into_iter().for_each(Wakeup::wake);
    }

    /// Refuses permits from now on, to waiting tasks too.
    pub(super) fn close(&self) {
        self.object.write();
        let mut state = lock(&self.state);
        state.closed = true;
        let waiters = std::mem::take(&mut state.queue);
        drop(state);
        waiters.into_iter().for_each(|waiter| waiter.waker.wake());
    }

    pub(super) fn is_closed(&self) -> bool {
        self.object.read();
        lock(&self.state).closed
    }

    /// How many permits are free.
    pub(super) fn free(&self) -> usize {
        self.object.read();
        lock(&self.state).free
    }
}

impl PermitState {
    fn grant(&mut self) -> Vec<Wakeup> {
        let mut wakers = Vec::new();
        while let Some(first) = self.queue.front() {
            if self.free < first.need {
                break;
            }
            self.free -= first.need;
            if let Some(waiter) = self.queue.pop_front() {
                self.granted.push((waiter.ticket, context::step()));
                wakers.push(waiter.waker);
            }
        }
        wakers
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum AcquireStage {
    New,
    Queued(u64),
    Done,
}

/// Waits for permits. `false` if there are none to come any more.
pub(super) struct Acquire {
    permits: Arc<Permits>,
    need: usize,
    place: Place,
    stage: AcquireStage,
    point: Point,
}

impl Future for Acquire {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        std::task::ready!(self.point.poll(cx));
        let this = &mut *self;
        match this.stage {
            AcquireStage::New => {
                this.permits.object.write();
                let mut state = lock(&this.permits.state);
                if state.closed {
                    this.stage = AcquireStage::Done;
                    return Poll::Ready(false);
                }
                if state.queue.is_empty() && state.free >= this.need {
                    state.free -= this.need;
                    this.stage = AcquireStage::Done;
                    return Poll::Ready(true);
                }
                let ticket = state.next_ticket;
                state.next_ticket += 1;
                state.queue.push_back(Waiter { ticket, need: this.need, waker: Wakeup::new(cx) });
                this.stage = AcquireStage::Queued(ticket);
            }
            AcquireStage::Queued(ticket) => {
                let mut state = lock(&this.permits.state);
                if let Some(at) = state.granted.iter().position(|(granted, _)| *granted == ticket) {
                    let (_, step) = state.granted.remove(at);
                    drop(state);
                    context::consumed(this.permits.object.id(), step);
                    this.stage = AcquireStage::Done;
                    return Poll::Ready(true);
                }
                if let Some(waiter) = state.queue.iter_mut().find(|waiter| waiter.ticket == ticket)
                {
                    waiter.waker.renew(cx);
                    drop(state);
                    // Somebody else woke the task: that the permits were not there has been seen.
                    this.permits.object.read();
                } else {
                    drop(state);
                    this.permits.object.read();
                    this.stage = AcquireStage::Done;
                    return Poll::Ready(false);
                }
            }
            AcquireStage::Done => return Poll::Ready(true),
        }
        let what = WaitFor::Object { kind: this.permits.kind, name: this.permits.name() };
        context::waits_for(what, this.place);
        context::enqueued_on(this.permits.object.id());
        Poll::Pending
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        let AcquireStage::Queued(ticket) = self.stage else { return };
        self.permits.object.write();
        let mut state = lock(&self.permits.state);
        let mut gone = None;
        if let Some(at) = state.granted.iter().position(|(granted, _)| *granted == ticket) {
            state.granted.remove(at);
            state.free += self.need;
        } else if let Some(at) = state.queue.iter().position(|waiter| waiter.ticket == ticket) {
            gone = state.queue.remove(at);
        }
        let wakers = state.grant();
        drop(state);
        drop(gone);
        wakers.into_iter().for_each(Wakeup::wake);
    }
}

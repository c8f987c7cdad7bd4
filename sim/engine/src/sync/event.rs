//! An event that stays set until it is reset.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use crate::context::{self, Place, WaitFor};
use crate::footprint::Object;
use crate::lock::lock;
use crate::wakeup::Wakeup;

/// A manual-reset event, as `CreateEvent` makes it: every waiter passes while it is set.
#[derive(Clone)]
pub struct Event {
    shared: Arc<EventShared>,
}

struct EventShared {
    object: Object,
    /// What resetting is in conflict with, and setting is not: a wait that succeeded.
    passing: Object,
    state: Mutex<EventState>,
}

struct EventState {
    /// The step that set it.
    set: Option<u64>,
    next_ticket: u64,
    waiters: Vec<(u64, Wakeup)>,
}

impl Event {
    /// An event of this name, not set.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let object = Object::new(name);
        let state = EventState { set: None, next_ticket: 0, waiters: Vec::new() };
        Self {
            shared: Arc::new(EventShared {
                object,
                passing: object.part(1),
                state: Mutex::new(state),
            }),
        }
    }

    /// Sets it and wakes all waiting tasks, within the running segment.
    pub fn set(&self) {
        self.shared.object.write();
        let mut state = lock(&self.shared.state);
        state.set.get_or_insert(context::step());
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        waiters.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Takes the setting back, within the running segment.
    pub fn reset(&self) {
        self.shared.object.write();
        self.shared.passing.write();
        lock(&self.shared.state).set = None;
    }

    /// Whether it is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.shared.object.read();
        lock(&self.shared.state).set.is_some()
    }

    /// Waits until it is set, in a segment of its own.
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = ()> + Send + use<> {
        let (shared, place) = (Arc::clone(&self.shared), Some(Location::caller()));
        Wait { shared, place, ticket: None, polled: false, done: false }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("name", &self.shared.object.name()).finish_non_exhaustive()
    }
}

struct Wait {
    shared: Arc<EventShared>,
    place: Place,
    ticket: Option<u64>,
    polled: bool,
    done: bool,
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if !this.polled {
            // Setting and reading commute, but the event can be reset.
            this.shared.passing.read();
        }
        let mut state = lock(&this.shared.state);
        let set = state.set;
        match set {
            Some(step) if this.polled => {
                drop(state);
                this.shared.passing.read();
                context::consumed(this.shared.object.id(), step);
                this.done = true;
                return Poll::Ready(());
            }
            Some(_) => {
                drop(state);
                cx.waker().wake_by_ref();
            }
            None => {
                match state.waiters.iter_mut().find(|(ticket, _)| Some(*ticket) == this.ticket) {
                    Some((_, waker)) => waker.renew(cx),
                    None => {
                        let ticket = state.next_ticket;
                        state.next_ticket += 1;
                        state.waiters.push((ticket, Wakeup::new(cx)));
                        this.ticket = Some(ticket);
                    }
                }
                drop(state);
                if this.polled {
                    this.shared.object.read();
                }
            }
        }
        this.polled = true;
        let what = WaitFor::Object { kind: "event", name: this.shared.object.name() };
        context::waits_for(what, this.place);
        context::observes(&[this.shared.object.id()]);
        if let Some(step) = set {
            context::available_since(step);
        }
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if self.polled && !self.done {
            // Dropping the wait observes that the event was not set.
            self.shared.object.read();
        }
        let mut state = lock(&self.shared.state);
        let at = state.waiters.iter().position(|(ticket, _)| Some(*ticket) == self.ticket);
        let gone = at.map(|at| state.waiters.remove(at));
        drop(state);
        drop(gone);
    }
}

//! A channel for one message.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use super::channel::RecvError;
use crate::context::{self, WaitFor};
use crate::footprint::Object;
use crate::lock::lock;
use crate::wakeup::Wakeup;

/// A channel of this name that passes one message.
#[must_use]
pub fn oneshot<T>(name: &'static str) -> (OneshotSender<T>, OneshotReceiver<T>) {
    let state = OneshotState { message: None, sent: None, receiving: true, waker: None };
    let shared = Arc::new(OneshotShared { object: Object::new(name), state: Mutex::new(state) });
    (
        OneshotSender { shared: Arc::clone(&shared) },
        OneshotReceiver { shared, waits: false, received: false },
    )
}

struct OneshotShared<T> {
    object: Object,
    state: Mutex<OneshotState<T>>,
}

struct OneshotState<T> {
    message: Option<T>,
    /// The step at which the sender sent, or left.
    sent: Option<u64>,
    receiving: bool,
    waker: Option<Wakeup>,
}

impl<T> OneshotShared<T> {
    fn finish(&self, message: Option<T>) -> Option<T> {
        self.object.write();
        let mut state = lock(&self.state);
        state.sent = Some(context::step());
        if !state.receiving {
            return message;
        }
        state.message = message;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        None
    }
}

/// Sends the message.
pub struct OneshotSender<T> {
    shared: Arc<OneshotShared<T>>,
}

impl<T> OneshotSender<T> {
    /// Sends the message within the running segment.
    ///
    /// # Errors
    ///
    /// The message, if the receiver is gone.
    pub fn send(self, message: T) -> Result<(), T> {
        self.shared.finish(Some(message)).map_or(Ok(()), Err)
    }

    /// Whether the receiver is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.object.read();
        !lock(&self.shared.state).receiving
    }
}

impl<T> Drop for OneshotSender<T> {
    fn drop(&mut self) {
        if lock(&self.shared.state).sent.is_none() {
            self.shared.finish(None);
        }
    }
}

impl<T> fmt::Debug for OneshotSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneshotSender")
            .field("name", &self.shared.object.name())
            .finish_non_exhaustive()
    }
}

/// Waits for the message; [`RecvError`] if the sender left without sending.
pub struct OneshotReceiver<T> {
    shared: Arc<OneshotShared<T>>,
    waits: bool,
    received: bool,
}

impl<T> OneshotReceiver<T> {
    /// The message, if it has been sent, within the running segment.
    #[must_use]
    pub fn try_recv(&mut self) -> Option<T> {
        self.shared.object.read();
        lock(&self.shared.state).message.take()
    }
}

impl<T> Future for OneshotReceiver<T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let shared = Arc::clone(&self.shared);
        let mut state = lock(&shared.state);
        let sent = state.sent;
        if let Some(step) = sent {
            if self.waits {
                let message = state.message.take();
                drop(state);
                self.received = true;
                context::consumed(self.shared.object.id(), step);
                return Poll::Ready(message.ok_or(RecvError));
            }
            drop(state);
            cx.waker().wake_by_ref();
        } else {
            state.waker = Some(Wakeup::new(cx));
            drop(state);
            if self.waits {
                self.shared.object.read();
            }
        }
        self.waits = true;
        let name = self.shared.object.name();
        context::waits_for(WaitFor::Object { kind: "the message of oneshot", name }, None);
        context::observes(&[self.shared.object.id()]);
        if let Some(step) = sent {
            context::available_since(step);
        }
        Poll::Pending
    }
}

impl<T> Drop for OneshotReceiver<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        if !self.received {
            self.shared.object.write();
        }
        state.receiving = false;
        let message = state.message.take();
        let waker = state.waker.take();
        drop(state);
        drop((message, waker));
    }
}

impl<T> fmt::Debug for OneshotReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneshotReceiver")
            .field("name", &self.shared.object.name())
            .finish_non_exhaustive()
    }
}

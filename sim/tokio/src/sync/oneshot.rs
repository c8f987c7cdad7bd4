//! A channel for one message.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use mapi_sync_engine::sync::Operation;
use mapi_sync_engine::{self as engine, Object};
use real::sync::oneshot as tokio;
pub use real::sync::oneshot::error;

use self::error::{RecvError, TryRecvError};
use super::tracked::{Use, tracked};
use crate::inside::is_inside;
use crate::runtime::block_on;

const CLOSED: Use = Use::look("the end of the receiver of");

const NEVER: u64 = u64::MAX;

/// What both sides know of the channel.
#[derive(Debug)]
struct Shared {
    object: Object,
    /// The step at which the sender sent, or left.
    sent: AtomicU64,
}

impl Shared {
    fn send(&self) {
        self.object.write();
        self.sent.store(engine::current_step(), Ordering::Relaxed);
    }

    fn sent(&self) -> Option<u64> {
        let step = self.sent.load(Ordering::Relaxed);
        (step != NEVER).then_some(step)
    }
}

/// `tokio::sync::oneshot::channel`.
#[must_use]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = tokio::channel();
    let shared = Shared { object: Object::new("oneshot"), sent: AtomicU64::new(NEVER) };
    let shared = Arc::new(shared);
    (
        Sender { real: Some(sender), shared: Arc::clone(&shared) },
        Receiver {
            real: receiver,
            operation: Operation::new(),
            end: ReceiverEnd { shared, received: false },
        },
    )
}

/// Sends the message.
#[derive(Debug)]
pub struct Sender<T> {
    /// `None` once it has sent.
    real: Option<tokio::Sender<T>>,
    shared: Arc<Shared>,
}

/// A sender that has sent is consumed.
const HERE: &str = "a sender that has not sent";

impl<T> Sender<T> {
    /// Sends the message.
    ///
    /// # Errors
    ///
    /// The message, if the receiver is gone.
    pub fn send(mut self, t: T) -> Result<(), T> {
        self.shared.send();
        self.real.take().expect(HERE).send(t)
    }

    /// Waits until the receiver is gone.
    pub async fn closed(&mut self) {
        let real = self.real.as_mut().expect(HERE);
        tracked(self.shared.object, CLOSED, real.closed()).await;
    }

    /// Whether the receiver is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.object.read();
        self.real.as_ref().expect(HERE).is_closed()
    }

    /// Polls whether the receiver is gone.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.object.read();
        let polled = self.real.as_mut().expect(HERE).poll_closed(cx);
        if polled.is_pending() {
            self.shared.object.waits();
        }
        polled
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.real.is_some() {
            self.shared.send();
        }
    }
}

/// Waits for the message.
#[derive(Debug)]
pub struct Receiver<T> {
    real: tokio::Receiver<T>,
    operation: Operation,
    end: ReceiverEnd,
}

/// Dropping it says that the receiver is gone.
#[derive(Debug)]
struct ReceiverEnd {
    shared: Arc<Shared>,
    received: bool,
}

impl<T> Receiver<T> {
    /// Refuses the message, if it has not been sent.
    pub fn close(&mut self) {
        self.end.shared.object.write();
        self.real.close();
    }

    /// Whether the message, or its absence, has been received.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.real.is_terminated()
    }

    /// Whether there is no message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end.shared.object.read();
        self.real.is_empty()
    }

    /// The message, if it has been sent.
    ///
    /// # Errors
    ///
    /// If it has not.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.end.shared.object.read();
        self.real.try_recv()
    }

    /// Waits for the message, and blocks the thread meanwhile.
    ///
    /// # Errors
    ///
    /// If the sender is gone.
    ///
    /// # Panics
    ///
    /// From an async task. Inside an execution, if there is no message.
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, RecvError> {
        if is_inside() {
            return block_on("oneshot::Receiver::blocking_recv", self);
        }
        let Self { real, .. } = self;
        real.blocking_recv()
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let object = this.end.shared.object;
        let sent = this.end.shared.sent();
        let (operation, real) = (&mut this.operation, &mut this.real);
        let received =
            ready!(operation.poll_observing(&[object], "the message of", sent, cx, |cx| {
                Pin::new(real).poll(cx)
            }));
        this.end.received = true;
        if let Some(step) = sent {
            object.provided(step);
        }
        Poll::Ready(received)
    }
}

impl Drop for ReceiverEnd {
    fn drop(&mut self) {
        if !self.received {
            self.shared.object.write();
        }
    }
}

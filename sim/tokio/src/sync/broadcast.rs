//! A queue whose every receiver gets every message.

use std::fmt;

use mapi_sync_engine::Object;
use real::sync::broadcast as tokio;
pub use real::sync::broadcast::error;

use self::error::{RecvError, SendError, TryRecvError};
use super::tracked::{Use, tracked};
use crate::inside::is_inside;
use crate::runtime::block_on;

const RECV: Use = Use::look("a message from");
const CLOSED: Use = Use::look("the end of the receivers of");

/// `tokio::sync::broadcast::channel`.
///
/// # Panics
///
/// If `capacity` is 0 or too large.
#[track_caller]
#[must_use]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = tokio::channel(capacity);
    let end = End::new();
    (Sender { real: sender, end: end.clone() }, Receiver { real: receiver, end })
}

/// A handle's part in the channel. Dropped, it may close it.
#[derive(Debug)]
struct End {
    object: Object,
    /// How many handles there are.
    handles: Object,
    /// How far the receivers have come.
    cursors: Object,
}

impl End {
    fn new() -> Self {
        let object = Object::new("broadcast");
        Self { object, handles: object.part(1), cursors: object.part(2) }
    }
}

impl Clone for End {
    fn clone(&self) -> Self {
        self.handles.commute();
        Self { ..*self }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.object.write();
        self.handles.commute();
        self.cursors.commute();
    }
}

/// Sends to every receiver.
pub struct Sender<T> {
    real: tokio::Sender<T>,
    end: End,
}

impl<T> Sender<T> {
    /// A sender without receivers.
    ///
    /// # Panics
    ///
    /// As [`channel`] does.
    #[track_caller]
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { real: tokio::Sender::new(capacity), end: End::new() }
    }

    /// Sends a message. Returns how many receivers there are.
    ///
    /// # Errors
    ///
    /// The message, if there is no receiver.
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        self.end.object.write();
        self.end.handles.read();
        self.real.send(value)
    }

    /// A receiver of all messages from now on.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        self.end.object.read();
        Receiver { real: self.real.subscribe(), end: self.end.clone() }
    }

    /// A sender that does not keep the channel open.
    #[must_use]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { real: self.real.downgrade(), end: self.end.clone() }
    }

    /// How many messages some receiver has not had.
    #[must_use]
    pub fn len(&self) -> usize {
        self.end.object.read();
        self.end.cursors.read();
        self.real.len()
    }

    /// Whether every receiver has had every message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end.object.read();
        self.end.cursors.read();
        self.real.is_empty()
    }

    /// How many receivers there are.
    #[must_use]
    pub fn receiver_count(&self) -> usize {
        self.end.handles.read();
        self.real.receiver_count()
    }

    /// Whether both send to one channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        self.real.same_channel(&other.real)
    }

    /// Waits until there is no receiver.
    pub async fn closed(&self) {
        tracked(self.end.object, CLOSED, self.real.closed()).await;
    }

    /// How many senders there are.
    #[must_use]
    pub fn strong_count(&self) -> usize {
        self.end.handles.read();
        self.real.strong_count()
    }

    /// How many weak senders there are.
    #[must_use]
    pub fn weak_count(&self) -> usize {
        self.end.handles.read();
        self.real.weak_count()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { real: self.real.clone(), end: self.end.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.real.fmt(f)
    }
}

/// A sender that does not keep the channel open.
pub struct WeakSender<T> {
    real: tokio::WeakSender<T>,
    end: End,
}

impl<T> WeakSender<T> {
    /// A sender, if there is still one.
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.end.object.read();
        let real = self.real.upgrade()?;
        Some(Sender { real, end: self.end.clone() })
    }

    /// How many senders there are.
    #[must_use]
    pub fn strong_count(&self) -> usize {
        self.end.handles.read();
        self.real.strong_count()
    }

    /// How many weak senders there are.
    #[must_use]
    pub fn weak_count(&self) -> usize {
        self.end.handles.read();
        self.real.weak_count()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        Self { real: self.real.clone(), end: self.end.clone() }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.real.fmt(f)
    }
}

/// Receives every message since it was made.
pub struct Receiver<T> {
    real: tokio::Receiver<T>,
    end: End,
}

impl<T> Receiver<T> {
    /// How many messages it has not had.
    #[must_use]
    pub fn len(&self) -> usize {
        self.end.object.read();
        self.real.len()
    }

    /// Whether it has had every message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end.object.read();
        self.real.is_empty()
    }

    /// Whether both receive from one channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        self.real.same_channel(&other.real)
    }

    /// How many senders there are.
    #[must_use]
    pub fn sender_strong_count(&self) -> usize {
        self.end.handles.read();
        self.real.sender_strong_count()
    }

    /// How many weak senders there are.
    #[must_use]
    pub fn sender_weak_count(&self) -> usize {
        self.end.handles.read();
        self.real.sender_weak_count()
    }

    /// Whether the senders are gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.end.object.read();
        self.real.is_closed()
    }
}

impl<T: Clone> Receiver<T> {
    /// A receiver of all messages from now on.
    #[must_use]
    pub fn resubscribe(&self) -> Self {
        self.end.object.read();
        Self { real: self.real.resubscribe(), end: self.end.clone() }
    }

    /// Waits for the next message.
    ///
    /// # Errors
    ///
    /// If messages were lost, or the senders are gone.
    pub async fn recv(&mut self) -> Result<T, RecvError> {
        let received = tracked(self.end.object, RECV, self.real.recv()).await;
        self.end.cursors.commute();
        received
    }

    /// The next message, if there is one.
    ///
    /// # Errors
    ///
    /// If there is none, or messages were lost.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.end.object.read();
        self.end.cursors.commute();
        self.real.try_recv()
    }

    /// Waits for the next message, and blocks the thread meanwhile.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv) has.
    ///
    /// # Panics
    ///
    /// From an async task. Inside an execution, if there is no message.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        if is_inside() {
            block_on("broadcast::Receiver::blocking_recv", self.recv())
        } else {
            self.real.blocking_recv()
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.real.fmt(f)
    }
}

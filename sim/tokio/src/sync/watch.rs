//! The last value, for many who look.

use std::fmt;

use mapi_sync_engine::Object;
use real::sync::watch as tokio;
pub use real::sync::watch::{Ref, error};

use self::error::{RecvError, SendError};
use super::tracked::{Use, tracked};

const CHANGED: Use = Use::look("a change of");
const CLOSED: Use = Use::look("the end of the receivers of");

/// `tokio::sync::watch::channel`.
#[must_use]
pub fn channel<T>(init: T) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = tokio::channel(init);
    let end = End::new();
    (Sender { real: sender, end: end.clone() }, Receiver { real: receiver, end })
}

/// A handle's part in the channel. Dropped, it may close it.
#[derive(Debug)]
struct End {
    object: Object,
    /// How many handles there are.
    handles: Object,
}

impl End {
    fn new() -> Self {
        let object = Object::new("watch");
        Self { object, handles: object.part(1) }
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
    }
}

/// Looks at the value.
pub struct Receiver<T> {
    real: tokio::Receiver<T>,
    end: End,
}

impl<T> Receiver<T> {
    /// The value.
    pub fn borrow(&self) -> Ref<'_, T> {
        self.end.object.read();
        self.real.borrow()
    }

    /// The value, which counts as seen then.
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        self.end.object.read();
        self.real.borrow_and_update()
    }

    /// Whether there is a value that has not been seen.
    ///
    /// # Errors
    ///
    /// If the senders are gone.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        self.end.object.read();
        self.real.has_changed()
    }

    /// Whether the senders are gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.end.object.read();
        self.real.is_closed()
    }

    /// Lets the value count as not seen.
    pub fn mark_changed(&mut self) {
        self.end.object.read();
        self.real.mark_changed();
    }

    /// Lets the value count as seen.
    pub fn mark_unchanged(&mut self) {
        self.end.object.read();
        self.real.mark_unchanged();
    }

    /// Waits for a value that has not been seen. It counts as seen then.
    ///
    /// # Errors
    ///
    /// If the senders are gone.
    pub async fn changed(&mut self) -> Result<(), RecvError> {
        tracked(self.end.object, CHANGED, self.real.changed()).await
    }

    /// Waits for a value for which `f` holds.
    ///
    /// # Errors
    ///
    /// If the senders are gone.
    pub async fn wait_for(&mut self, f: impl FnMut(&T) -> bool) -> Result<Ref<'_, T>, RecvError> {
        tracked(self.end.object, CHANGED, self.real.wait_for(f)).await
    }

    /// Whether both are of one channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        self.real.same_channel(&other.real)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self { real: self.real.clone(), end: self.end.clone() }
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.real.fmt(f)
    }
}

/// Changes the value.
pub struct Sender<T> {
    real: tokio::Sender<T>,
    end: End,
}

impl<T> Sender<T> {
    /// A sender without receivers.
    #[must_use]
    pub fn new(init: T) -> Self {
        Self { real: tokio::Sender::new(init), end: End::new() }
    }

    /// Changes the value.
    ///
    /// # Errors
    ///
    /// The value, if there is no receiver.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.end.object.write();
        self.end.handles.read();
        self.real.send(value)
    }

    /// Changes the value in place.
    pub fn send_modify<F>(&self, modify: F)
    where
        F: FnOnce(&mut T),
    {
        self.end.object.write();
        self.real.send_modify(modify);
    }

    /// Changes the value in place. Returns what `modify` does: whether it has changed.
    pub fn send_if_modified<F>(&self, modify: F) -> bool
    where
        F: FnOnce(&mut T) -> bool,
    {
        self.end.object.write();
        self.real.send_if_modified(modify)
    }

    /// Changes the value. Returns the one before.
    pub fn send_replace(&self, value: T) -> T {
        self.end.object.write();
        self.real.send_replace(value)
    }

    /// The value.
    pub fn borrow(&self) -> Ref<'_, T> {
        self.end.object.read();
        self.real.borrow()
    }

    /// Whether there is no receiver.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.end.object.read();
        self.end.handles.read();
        self.real.is_closed()
    }

    /// Waits until there is no receiver.
    pub async fn closed(&self) {
        tracked(self.end.object, CLOSED, self.real.closed()).await;
    }

    /// A receiver that has seen the value.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        self.end.object.write();
        Receiver { real: self.real.subscribe(), end: self.end.clone() }
    }

    /// How many receivers there are.
    #[must_use]
    pub fn receiver_count(&self) -> usize {
        self.end.handles.read();
        self.real.receiver_count()
    }

    /// How many senders there are.
    #[must_use]
    pub fn sender_count(&self) -> usize {
        self.end.handles.read();
        self.real.sender_count()
    }

    /// Whether both are of one channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        self.real.same_channel(&other.real)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { real: self.real.clone(), end: self.end.clone() }
    }
}

impl<T: Default> Default for Sender<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.real.fmt(f)
    }
}

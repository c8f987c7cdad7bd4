//! A queue with a bound.

use std::fmt;
use std::future::poll_fn;
use std::iter::FusedIterator;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use mapi_sync_engine::sync::Operation;
use real::sync::mpsc as tokio;

use super::channel::{Channel, Door, End, Wait, WeakDoor};
use super::error::{SendError, SendTimeoutError, TryRecvError, TrySendError};
use super::sides::sides;
use crate::inside::is_inside;
use crate::runtime::block_on;
use crate::sync::tracked::{Release, Use, tracked};
use crate::time::{Duration, timeout};

const CLOSED: Use = Use::look("the end of the receiver of");
const ROOM: Use = Use::queue("room in channel");

/// `tokio::sync::mpsc::channel`.
///
/// # Panics
///
/// If `buffer` is 0.
#[must_use]
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = tokio::channel(buffer);
    let channel = Channel::new();
    (
        Sender { real: sender, door: Door(Arc::clone(&channel)) },
        Receiver { real: receiver, operation: Operation::new(), end: End(channel) },
    )
}

sides!(Receiver, Sender, WeakSender);

/// The receiving side.
pub struct Receiver<T> {
    real: tokio::Receiver<T>,
    operation: Operation,
    end: End,
}

impl<T> Receiver<T> {
    /// How much room there is.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.end.0.room.read();
        self.real.capacity()
    }

    /// How much room there is in an empty channel.
    #[must_use]
    pub fn max_capacity(&self) -> usize {
        self.real.max_capacity()
    }
}

/// A sending side.
pub struct Sender<T> {
    real: tokio::Sender<T>,
    door: Door,
}

impl<T> Sender<T> {
    /// Waits for room, and sends a message.
    ///
    /// # Errors
    ///
    /// The message, if the receiver is gone.
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        match tracked(self.door.0.room, ROOM, self.real.reserve()).await {
            Ok(permit) => {
                self.door.0.sent();
                permit.send(value);
                Ok(())
            }
            Err(SendError(())) => Err(SendError(value)),
        }
    }

    /// Sends a message now.
    ///
    /// # Errors
    ///
    /// The message, if there is no room or no receiver.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.door.0.room.write();
        self.real.try_send(message)?;
        self.door.0.sent();
        Ok(())
    }

    /// Waits for room no longer than `timeout`, and sends a message.
    ///
    /// # Errors
    ///
    /// The message, if the receiver is gone or the time is over.
    pub async fn send_timeout(
        &self,
        value: T,
        timeout: Duration,
    ) -> Result<(), SendTimeoutError<T>> {
        match within(timeout, self.reserve()).await {
            Some(Ok(permit)) => {
                permit.send(value);
                Ok(())
            }
            Some(Err(SendError(()))) => Err(SendTimeoutError::Closed(value)),
            None => Err(SendTimeoutError::Timeout(value)),
        }
    }

    /// Sends a message, and blocks the thread until there is room.
    ///
    /// # Errors
    ///
    /// The message, if the receiver is gone.
    ///
    /// # Panics
    ///
    /// From an async task. Inside an execution, if there is no room.
    #[track_caller]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        if is_inside() {
            block_on("mpsc::Sender::blocking_send", self.send(value))
        } else {
            self.real.blocking_send(value)
        }
    }

    /// Waits for room for a message.
    ///
    /// # Errors
    ///
    /// If the receiver is gone.
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        let real = tracked(self.door.0.room, ROOM, self.real.reserve()).await?;
        Ok(self.permit(real))
    }

    /// Waits for room for `n` messages.
    ///
    /// # Errors
    ///
    /// If the receiver is gone, or there can never be as much room.
    pub async fn reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, SendError<()>> {
        let real = tracked(self.door.0.room, ROOM, self.real.reserve_many(n)).await?;
        Ok(self.permits(real))
    }

    /// Waits for room for a message. The permit keeps the sender.
    ///
    /// # Errors
    ///
    /// If the receiver is gone.
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        let Self { real, door } = self;
        let real = tracked(door.0.room, ROOM, real.reserve_owned()).await?;
        Ok(OwnedPermit { real: Some(real), door: Some(door) })
    }

    /// Takes room for a message now.
    ///
    /// # Errors
    ///
    /// If there is no room or no receiver.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.door.0.room.write();
        self.real.try_reserve().map(|real| self.permit(real))
    }

    /// Takes room for `n` messages now.
    ///
    /// # Errors
    ///
    /// If there is no room or no receiver.
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        self.door.0.room.write();
        self.real.try_reserve_many(n).map(|real| self.permits(real))
    }

    /// Takes room for a message now. The permit keeps the sender.
    ///
    /// # Errors
    ///
    /// The sender, if there is no room or no receiver.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        let Self { real, door } = self;
        door.0.room.write();
        match real.try_reserve_owned() {
            Ok(real) => Ok(OwnedPermit { real: Some(real), door: Some(door) }),
            Err(TrySendError::Full(real)) => Err(TrySendError::Full(Self { real, door })),
            Err(TrySendError::Closed(real)) => Err(TrySendError::Closed(Self { real, door })),
        }
    }

    /// How much room there is.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.door.0.room.read();
        self.real.capacity()
    }

    /// How much room there is in an empty channel.
    #[must_use]
    pub fn max_capacity(&self) -> usize {
        self.real.max_capacity()
    }

    fn permit<'a>(&'a self, real: tokio::Permit<'a, T>) -> Permit<'a, T> {
        let channel = &*self.door.0;
        Permit { real, release: Release::new(channel.room), channel }
    }

    fn permits<'a>(&'a self, real: tokio::PermitIterator<'a, T>) -> PermitIterator<'a, T> {
        let channel = &*self.door.0;
        PermitIterator { real, _release: Release::new(channel.room), channel }
    }
}

/// What a future brings within a time.
async fn within<F: Future>(time: Duration, future: F) -> Option<F::Output> {
    timeout(time, future).await.ok()
}

/// Room for one message.
#[must_use = "the room is free again at once"]
pub struct Permit<'a, T> {
    real: tokio::Permit<'a, T>,
    release: Release,
    channel: &'a Channel,
}

impl<T> Permit<'_, T> {
    /// Sends a message.
    pub fn send(self, value: T) {
        self.channel.sent();
        self.release.forget();
        self.real.send(value);
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.real.fmt(f)
    }
}

/// Room for several messages.
#[must_use = "the room is free again at once"]
pub struct PermitIterator<'a, T> {
    real: tokio::PermitIterator<'a, T>,
    _release: Release,
    channel: &'a Channel,
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Self::Item> {
        let channel = self.channel;
        let real = self.real.next()?;
        Some(Permit { real, release: Release::new(channel.room), channel })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.real.size_hint()
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}
impl<T> FusedIterator for PermitIterator<'_, T> {}

impl<T> fmt::Debug for PermitIterator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.real.fmt(f)
    }
}

/// Room for one message, with its sender.
#[must_use = "the room is free again at once"]
pub struct OwnedPermit<T> {
    /// Both are here until the permit is used.
    real: Option<tokio::OwnedPermit<T>>,
    door: Option<Door>,
}

/// A permit that has been used is consumed.
const HERE: &str = "a permit that has not been used";

impl<T> OwnedPermit<T> {
    /// Sends a message. Returns the sender.
    pub fn send(mut self, value: T) -> Sender<T> {
        let door = self.door.take().expect(HERE);
        door.0.sent();
        Sender { real: self.real.take().expect(HERE).send(value), door }
    }

    /// Gives the room back. Returns the sender.
    #[must_use]
    pub fn release(mut self) -> Sender<T> {
        let door = self.door.take().expect(HERE);
        door.0.room.write();
        Sender { real: self.real.take().expect(HERE).release(), door }
    }

    /// Whether both are of one channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        self.real().same_channel(other.real())
    }

    /// Whether both are of one channel.
    #[must_use]
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.real().same_channel_as_sender(&sender.real)
    }

    fn real(&self) -> &tokio::OwnedPermit<T> {
        self.real.as_ref().expect(HERE)
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(door) = mem::take(&mut self.door) {
            door.0.room.write();
        }
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.real.fmt(f)
    }
}

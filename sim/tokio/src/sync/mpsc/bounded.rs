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

/// The receiving side.
pub struct Receiver<T> {
    real: tokio::Receiver<T>,
    operation: Operation,
    end: End,
}

impl<T> Receiver<T> {
    /// Waits for the next message. `None` if none will come.
    pub async fn recv(&mut self) -> Option<T> {
        let Self { real, end, .. } = self;
        let mut wait = Wait::new(&end.0);
        poll_fn(|cx| poll_recv(real, wait.channel, &mut wait.operation, cx)).await
    }

    /// Waits for messages, and takes up to `limit`. Returns how many; 0 if none will come.
    pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        let Self { real, end, .. } = self;
        let mut wait = Wait::new(&end.0);
        poll_fn(|cx| poll_recv_many(real, wait.channel, &mut wait.operation, buffer, limit, cx))
            .await
    }

    /// The next message, if there is one.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.end.0.look();
        let received = self.real.try_recv()?;
        self.end.0.took(1);
        Ok(received)
    }

    /// Waits for the next message, and blocks the thread meanwhile.
    ///
    /// # Panics
    ///
    /// From an async task. Inside an execution, if there is no message.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Option<T> {
        if is_inside() {
            block_on("mpsc::Receiver::blocking_recv", self.recv())
        } else {
            self.real.blocking_recv()
        }
    }

    /// Waits for messages, takes up to `limit`, and blocks the thread meanwhile.
    ///
    /// # Panics
    ///
    /// As [`blocking_recv`](Self::blocking_recv) does.
    #[track_caller]
    pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        if is_inside() {
            block_on("mpsc::Receiver::blocking_recv_many", self.recv_many(buffer, limit))
        } else {
            self.real.blocking_recv_many(buffer, limit)
        }
    }

    /// Refuses further messages.
    pub fn close(&mut self) {
        self.end.0.close();
        self.real.close();
    }

    /// Whether no further message can come.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.end.0.look();
        self.real.is_closed()
    }

    /// Whether there is no message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end.0.look();
        self.real.is_empty()
    }

    /// How many messages there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.end.0.look();
        self.real.len()
    }

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

    /// Polls for the next message.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let polled = poll_recv(&mut self.real, &self.end.0, &mut self.operation, cx);
        if polled.is_ready() {
            self.operation = Operation::new();
        }
        polled
    }

    /// Polls for messages, up to `limit`.
    pub fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        let Self { real, operation, end } = self;
        let polled = poll_recv_many(real, &end.0, operation, buffer, limit, cx);
        if polled.is_ready() {
            self.operation = Operation::new();
        }
        polled
    }

    /// How many senders there are.
    #[must_use]
    pub fn sender_strong_count(&self) -> usize {
        self.end.0.handles.read();
        self.real.sender_strong_count()
    }

    /// How many weak senders there are.
    #[must_use]
    pub fn sender_weak_count(&self) -> usize {
        self.end.0.handles.read();
        self.real.sender_weak_count()
    }
}

fn poll_recv<T>(
    real: &mut tokio::Receiver<T>,
    channel: &Channel,
    operation: &mut Operation,
    cx: &mut Context<'_>,
) -> Poll<Option<T>> {
    let is_there = !real.is_empty() || real.is_closed();
    channel.poll_recv(operation, is_there, cx, |cx| real.poll_recv(cx), |next| next.iter().count())
}

fn poll_recv_many<T>(
    real: &mut tokio::Receiver<T>,
    channel: &Channel,
    operation: &mut Operation,
    buffer: &mut Vec<T>,
    limit: usize,
    cx: &mut Context<'_>,
) -> Poll<usize> {
    let is_there = !real.is_empty() || real.is_closed() || limit == 0;
    let poll = |cx: &mut Context<'_>| real.poll_recv_many(cx, buffer, limit);
    channel.poll_recv(operation, is_there, cx, poll, |count| *count)
}

impl<T> Unpin for Receiver<T> {}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.real.fmt(f)
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

    /// Waits until no further message can be sent.
    pub async fn closed(&self) {
        tracked(self.door.0.tail, CLOSED, self.real.closed()).await;
    }

    /// Whether no further message can be sent.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.door.0.tail.read();
        self.real.is_closed()
    }

    /// Whether both send to one channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        self.real.same_channel(&other.real)
    }

    /// A sender that does not keep the channel open.
    #[must_use]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { real: self.real.downgrade(), door: WeakDoor::new(&self.door.0) }
    }

    /// How many senders there are.
    #[must_use]
    pub fn strong_count(&self) -> usize {
        self.door.0.handles.read();
        self.real.strong_count()
    }

    /// How many weak senders there are.
    #[must_use]
    pub fn weak_count(&self) -> usize {
        self.door.0.handles.read();
        self.real.weak_count()
    }
}

/// What a future brings within a time.
async fn within<F: Future>(time: Duration, future: F) -> Option<F::Output> {
    timeout(time, future).await.ok()
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { real: self.real.clone(), door: self.door.clone() }
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
    door: WeakDoor,
}

impl<T> WeakSender<T> {
    /// A sender, if there is still one.
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        let (real, door) = self.door.upgrade(self.real.upgrade())?;
        Some(Sender { real, door })
    }

    /// How many senders there are.
    #[must_use]
    pub fn strong_count(&self) -> usize {
        self.door.channel().handles.read();
        self.real.strong_count()
    }

    /// How many weak senders there are.
    #[must_use]
    pub fn weak_count(&self) -> usize {
        self.door.channel().handles.read();
        self.real.weak_count()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        Self { real: self.real.clone(), door: self.door.clone() }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.real.fmt(f)
    }
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

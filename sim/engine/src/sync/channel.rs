//! A queue from many senders to one receiver.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use super::permits::Permits;
use super::point::point;
use crate::context::{self, Place, WaitFor};
use crate::footprint::Object;
use crate::lock::lock;
use crate::wakeup::Wakeup;

/// A channel of this name that holds at most `capacity` messages.
///
/// # Panics
///
/// If `capacity` is 0.
#[must_use]
pub fn bounded<T>(name: &'static str, capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a channel without room passes nothing on");
    channel(name, Some(Arc::new(Permits::new("room in channel", name, capacity))))
}

/// A channel of this name without a bound.
#[must_use]
pub fn unbounded<T>(name: &'static str) -> (Sender<T>, Receiver<T>) {
    channel(name, None)
}

fn channel<T>(name: &'static str, room: Option<Arc<Permits>>) -> (Sender<T>, Receiver<T>) {
    let tail = Object::new(name);
    let state = ChannelState {
        queue: VecDeque::new(),
        senders: 1,
        receiving: true,
        waker: None,
        departures: Vec::new(),
    };
    let shared = Arc::new(ChannelShared {
        head: tail.part(1),
        doors: tail.part(2),
        tail,
        room,
        state: Mutex::new(state),
    });
    (Sender { shared: Arc::clone(&shared) }, Receiver { shared })
}

/// Sending writes the tail, receiving writes the head, and a message orders its own sending before
/// its receiving. So sending to a channel that is not empty and receiving from it commute, as they
/// must.
struct ChannelShared<T> {
    tail: Object,
    head: Object,
    /// That senders leave: in any order.
    doors: Object,
    room: Option<Arc<Permits>>,
    state: Mutex<ChannelState<T>>,
}

struct ChannelState<T> {
    /// Each message with the step that sent it.
    queue: VecDeque<(u64, T)>,
    senders: usize,
    receiving: bool,
    waker: Option<Wakeup>,
    /// The steps at which senders left.
    departures: Vec<u64>,
}

/// The receiver is gone; the message comes back.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the channel is closed")]
pub struct SendError<T>(pub T);

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

/// Why a message could not be sent at once. It comes back.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrySendError<T> {
    /// There is no room.
    #[error("the channel is full")]
    Full(T),
    /// The receiver is gone.
    #[error("the channel is closed")]
    Closed(T),
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

/// The channel is empty, and every sender is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the channel is closed")]
pub struct RecvError;

/// Why there is no message now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TryRecvError {
    /// None has been sent.
    #[error("the channel is empty")]
    Empty,
    /// None will come.
    #[error("the channel is closed")]
    Closed,
}

/// The sending side. Clones send to the same channel; when the last is gone, the channel is closed.
pub struct Sender<T> {
    shared: Arc<ChannelShared<T>>,
}

impl<T> Sender<T> {
    /// Sends a message, in a segment of its own, once there is room.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the message if the receiver is gone.
    #[track_caller]
    pub fn send(&self, message: T) -> impl Future<Output = Result<(), SendError<T>>> {
        let place = Location::caller();
        async move {
            match &self.shared.room {
                Some(room) => {
                    if !Arc::clone(room).acquire(1, Some(place)).await {
                        return Err(SendError(message));
                    }
                }
                None => point().await,
            }
            self.push(message)
        }
    }

    /// Sends a message within the running segment.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the message if there is no room or no receiver.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        if let Some(room) = &self.shared.room
            && !room.try_acquire(1)
        {
            return Err(if room.is_closed() {
                TrySendError::Closed(message)
            } else {
                TrySendError::Full(message)
            });
        }
        self.push(message).map_err(|SendError(message)| TrySendError::Closed(message))
    }

    /// Whether the receiver is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.tail.read();
        !lock(&self.shared.state).receiving
    }

    fn push(&self, message: T) -> Result<(), SendError<T>> {
        self.shared.tail.write();
        let mut state = lock(&self.shared.state);
        if !state.receiving {
            return Err(SendError(message));
        }
        state.queue.push_back((context::step(), message));
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        lock(&self.shared.state).senders += 1;
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.doors.commute();
        let mut state = lock(&self.shared.state);
        state.senders -= 1;
        state.departures.push(context::step());
        let waker = if state.senders == 0 { state.waker.take() } else { None };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("channel", &self.shared.tail.name()).finish_non_exhaustive()
    }
}

/// The receiving side. Dropping it closes the channel and drops what is in it.
pub struct Receiver<T> {
    shared: Arc<ChannelShared<T>>,
}

impl<T> Receiver<T> {
    /// Waits for the next message, in a segment of its own.
    ///
    /// # Errors
    ///
    /// [`RecvError`] when the channel is empty and every sender is gone.
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = Result<T, RecvError>> {
        let place = Some(Location::caller());
        Recv { shared: &self.shared, place, waits: false, done: false }
    }

    /// The next message, if one is there, within the running segment.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] if there is none.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.shared
            .take(false)
            .map_err(|closed| if closed { TryRecvError::Closed } else { TryRecvError::Empty })
    }
}

impl<T> ChannelShared<T> {
    /// Takes the next message; otherwise returns whether none will come. A task that has waited
    /// could not have run before.
    fn take(&self, waited: bool) -> Result<T, bool> {
        if !waited {
            self.tail.read();
            self.doors.read();
        }
        let mut state = lock(&self.state);
        if let Some((step, message)) = state.queue.pop_front() {
            drop(state);
            self.head.write();
            if waited {
                context::consumed(self.tail.id(), step);
            }
            if let Some(room) = &self.room {
                room.release(1);
            }
            return Ok(message);
        }
        if state.senders == 0 {
            if waited {
                for step in &state.departures {
                    context::consumed(self.doors.id(), *step);
                }
                if !context::waited_for_alone(self.tail.id()) {
                    self.tail.read();
                }
            }
            return Err(true);
        }
        drop(state);
        self.tail.read();
        self.doors.read();
        Err(false)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.tail.write();
        let mut state = lock(&self.shared.state);
        state.receiving = false;
        let rest = std::mem::take(&mut state.queue);
        drop(state);
        if let Some(room) = &self.shared.room {
            room.close();
        }
        drop(rest);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("channel", &self.shared.tail.name())
            .finish_non_exhaustive()
    }
}

struct Recv<'a, T> {
    shared: &'a ChannelShared<T>,
    place: Place,
    waits: bool,
    done: bool,
}

impl<T> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.waits {
            let taken = self.shared.take(true);
            self.done = !matches!(taken, Err(false));
            match taken {
                Ok(message) => return Poll::Ready(Ok(message)),
                Err(true) => return Poll::Ready(Err(RecvError)),
                Err(false) => {}
            }
        }
        // The first call only registers the wait. Whether a message has come is decided when this
        // task runs again, and no other task can take it away.
        self.waits = true;
        let mut there = None;
        let mut state = lock(&self.shared.state);
        if state.queue.is_empty() && state.senders > 0 {
            state.waker = Some(Wakeup::new(cx));
            drop(state);
        } else {
            there = state.queue.front().map(|(step, _)| *step).or(state.departures.last().copied());
            drop(state);
            cx.waker().wake_by_ref();
        }
        let name = self.shared.tail.name();
        context::waits_for(WaitFor::Object { kind: "a message from channel", name }, self.place);
        context::observes(&[self.shared.tail.id(), self.shared.doors.id()]);
        if let Some(step) = there {
            context::available_since(step);
        }
        Poll::Pending
    }
}

impl<T> Drop for Recv<'_, T> {
    fn drop(&mut self) {
        if self.waits && !self.done {
            // Dropping the wait observes that nothing had come.
            self.shared.tail.read();
            self.shared.doors.read();
        }
        let waker = lock(&self.shared.state).waker.take();
        drop(waker);
    }
}

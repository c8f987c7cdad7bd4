//! What the engine knows of a queue.
//!
//! Sending writes the tail, receiving writes the head, and a message orders its own sending before
//! its receiving. So sending to a queue that is not empty and receiving from it commute.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use mapi_sync_engine::sync::Operation;
use mapi_sync_engine::{self as engine, Object};

/// The objects of a queue, and which steps filled it.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) tail: Object,
    head: Object,
    /// That senders leave: in any order.
    doors: Object,
    /// The room of a queue that has a bound.
    pub(super) room: Object,
    /// How many handles there are.
    pub(super) handles: Object,
    steps: Mutex<Steps>,
}

/// Only kept where footprints are.
#[derive(Debug, Default)]
struct Steps {
    /// Those that sent the messages in the queue.
    sent: VecDeque<u64>,
    /// Those at which senders left.
    left: Vec<u64>,
}

impl Channel {
    pub(super) fn new() -> Arc<Self> {
        let room = Object::new("mpsc");
        let tail = Object::new("mpsc");
        Arc::new(Self {
            tail,
            head: tail.part(1),
            doors: tail.part(2),
            room,
            handles: tail.part(3),
            steps: Mutex::default(),
        })
    }

    fn steps(&self) -> MutexGuard<'_, Steps> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message has come into the queue.
    #[inline]
    pub(super) fn sent(&self) {
        self.tail.write();
        if engine::is_recording() {
            self.steps().sent.push_back(engine::current_step());
        }
    }

    /// The receiver refuses further messages.
    pub(super) fn close(&self) {
        self.tail.write();
        self.room.write();
    }

    /// The receiver looks whether there is a message.
    pub(super) fn look(&self) {
        self.tail.read();
        self.doors.read();
    }

    /// The receiver took messages that it had not waited for.
    pub(super) fn took(&self, count: usize) {
        if count > 0 {
            self.head.write();
            self.room.write();
            self.forget_steps(count);
        }
    }

    fn forget_steps(&self, count: usize) -> Option<u64> {
        if !engine::is_recording() {
            return None;
        }
        let mut steps = self.steps();
        let first = steps.sent.front().copied();
        let count = count.min(steps.sent.len());
        steps.sent.drain(..count);
        first
    }

    /// The step that brought what the receiver waits for, if that is there.
    fn there(&self, is_there: bool) -> Option<u64> {
        if !is_there {
            return None;
        }
        if !engine::is_recording() {
            return Some(0);
        }
        let steps = self.steps();
        steps.sent.front().or(steps.left.last()).copied().or(Some(engine::current_step()))
    }

    /// Waits for messages. `poll` returns how many came, 0 if none will come.
    #[inline]
    pub(super) fn poll_recv<T>(
        &self,
        operation: &mut Operation,
        is_there: bool,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
        count: impl FnOnce(&T) -> usize,
    ) -> Poll<T> {
        let there = self.there(is_there);
        let objects = [self.tail, self.doors];
        let polled = operation.poll_observing(&objects, "a message from", there, cx, poll);
        if let Poll::Ready(messages) = &polled
            && engine::is_recording()
        {
            self.received(count(messages));
        }
        polled
    }

    #[inline(never)]
    fn received(&self, count: usize) {
        if count > 0 {
            self.head.write();
            if let Some(step) = self.forget_steps(count) {
                self.tail.provided(step);
            }
            if count > 1 {
                self.tail.read();
            }
            self.room.write();
            return;
        }
        let left = self.steps().left.clone();
        left.iter().for_each(|step| self.doors.provided(*step));
        if left.is_empty() || !self.tail.was_awaited_alone() {
            self.look();
        }
    }
}

/// A wait for messages. Dropped before its end, it has seen that nothing came.
pub(super) struct Wait<'a> {
    pub(super) operation: Operation,
    pub(super) channel: &'a Channel,
}

impl<'a> Wait<'a> {
    pub(super) fn new(channel: &'a Channel) -> Self {
        Self { operation: Operation::new(), channel }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if self.operation.is_waiting() {
            self.channel.look();
        }
    }
}

/// A sender's part in the queue: dropped, it has left.
#[derive(Debug)]
pub(super) struct Door(pub(super) Arc<Channel>);

impl Clone for Door {
    fn clone(&self) -> Self {
        self.0.handles.commute();
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Door {
    #[inline]
    fn drop(&mut self) {
        self.0.handles.commute();
        self.0.doors.commute();
        if engine::is_recording() {
            self.0.steps().left.push(engine::current_step());
        }
    }
}

/// A weak sender's part in the queue.
#[derive(Debug)]
pub(super) struct WeakDoor(Arc<Channel>);

impl WeakDoor {
    pub(super) fn new(channel: &Arc<Channel>) -> Self {
        channel.handles.commute();
        Self(Arc::clone(channel))
    }

    /// That of a sender, if there is still one.
    pub(super) fn upgrade<T>(&self, real: Option<T>) -> Option<(T, Door)> {
        self.0.doors.read();
        self.0.handles.commute();
        real.map(|real| (real, Door(Arc::clone(&self.0))))
    }

    pub(super) fn channel(&self) -> &Channel {
        &self.0
    }
}

impl Clone for WeakDoor {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for WeakDoor {
    fn drop(&mut self) {
        self.0.handles.commute();
    }
}

/// The receiver's part in the queue: dropped, it refuses messages.
#[derive(Debug)]
pub(super) struct End(pub(super) Arc<Channel>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.close();
    }
}

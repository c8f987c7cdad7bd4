//! A queue without a bound.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use mapi_sync_engine::sync::Operation;
use real::sync::mpsc as tokio;

use super::channel::{Channel, Door, End, Wait, WeakDoor};
use super::error::{SendError, TryRecvError};
use super::sides::sides;
use crate::inside::is_inside;
use crate::runtime::block_on;
use crate::sync::tracked::{Use, tracked};

const CLOSED: Use = Use::look("the end of the receiver of");

/// `tokio::sync::mpsc::unbounded_channel`.
#[must_use]
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (sender, receiver) = tokio::unbounded_channel();
    let channel = Channel::new();
    (
        UnboundedSender { real: sender, door: Door(Arc::clone(&channel)) },
        UnboundedReceiver { real: receiver, operation: Operation::new(), end: End(channel) },
    )
}

sides!(UnboundedReceiver, UnboundedSender, WeakUnboundedSender);

/// The receiving side.
pub struct UnboundedReceiver<T> {
    real: tokio::UnboundedReceiver<T>,
    operation: Operation,
    end: End,
}

/// A sending side.
pub struct UnboundedSender<T> {
    real: tokio::UnboundedSender<T>,
    door: Door,
}

impl<T> UnboundedSender<T> {
    /// Sends a message, within the running segment.
    ///
    /// # Errors
    ///
    /// The message, if the receiver is gone.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        if self.real.is_closed() {
            self.door.0.tail.read();
        } else {
            self.door.0.sent();
        }
        self.real.send(message)
    }
}

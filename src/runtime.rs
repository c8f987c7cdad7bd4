//! The services that provider code runs on: tasks, time and events. There is no hidden runtime.

#[cfg(feature = "tokio")]
mod tokio;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

#[cfg(feature = "tokio")]
pub use self::tokio::TokioRuntime;
use crate::{Events, HResult};

/// A boxed future, as runtimes take it.
pub type BoxFuture<T = ()> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The runtime that a sync runs on: tokio in production, the engine in a simulation.
///
/// `tokio::sync` and the combinators of `futures` work on either. Everything that a simulation must
/// control goes through this trait.
pub trait Runtime: Send + Sync {
    /// Runs `task` in the background. The name is for reports and logs.
    ///
    /// # Errors
    ///
    /// [`HResult::E_OUTOFMEMORY`] when the runtime cannot make a task;
    /// [`HResult::MAPI_E_END_OF_SESSION`] when it takes no more tasks. `task` has been dropped
    /// then.
    fn spawn(&self, name: Cow<'static, str>, task: BoxFuture) -> Result<TaskHandle, HResult>;

    /// Completes once `duration` has passed on this runtime's clock, or later.
    ///
    /// This is for work, and for waits that may take longer. A simulation lets it take longer, up
    /// to twice as long, because on a real machine work of unequal length may end in any order.
    fn sleep(&self, duration: Duration) -> BoxFuture;

    /// Completes when `duration` has passed on this runtime's clock: for time-outs and other
    /// deadlines. In a simulation it is exact.
    ///
    /// By default it is [`sleep`](Self::sleep). A runtime that wraps another should forward the
    /// call.
    fn deadline(&self, duration: Duration) -> BoxFuture {
        self.sleep(duration)
    }

    /// The time since this runtime's epoch. In a simulation it is virtual, in whole milliseconds.
    fn now(&self) -> Duration;

    /// The kernel's events.
    fn events(&self) -> &Arc<dyn Events>;

    /// Registers something that several tasks of a sync share. `name` is for people.
    ///
    /// A runtime that searches schedules learns from the uses which orders differ. Any other
    /// runtime returns `Arc::new(())`. A runtime that wraps another must forward the call: without
    /// it an exhaustive search would skip schedules that matter. So this method has no default.
    fn shared(&self, name: &'static str) -> Arc<dyn Shared>;
}

/// Tracks the uses of something that several tasks share; see [`Runtime::shared`].
pub trait Shared: Send + Sync {
    /// The running task reads it.
    fn read(&self) {}

    /// The running task changes it, or takes part in an order that other tasks can observe.
    fn write(&self) {}

    /// The running task waits until it changes, and has left one clone of its waker there.
    fn waits(&self) {}
}

/// Tracks nothing: for runtimes that do not search schedules.
impl Shared for () {}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskEnd {
    /// Its future completed.
    Finished,
    /// Its future panicked.
    Panicked,
    /// Its future was dropped before it completed.
    Aborted,
}

/// A spawned task, as a runtime implements it.
pub trait Task: Send {
    /// Asks the runtime to drop the task's future. Does nothing once the task has ended.
    fn abort(&self);

    /// Ready once the task has ended.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<TaskEnd>;
}

/// A spawned task. The handle is a future that completes when the task ends. Dropping the handle
/// lets the task run on.
#[must_use = "a task whose handle is dropped runs on unwatched; use `detach` to say so"]
pub struct TaskHandle {
    task: Box<dyn Task>,
}

impl TaskHandle {
    /// The handle of `task`.
    pub fn new(task: impl Task + 'static) -> Self {
        Self { task: Box::new(task) }
    }

    /// Asks the runtime to drop the task's future.
    pub fn abort(&self) {
        self.task.abort();
    }

    /// Lets the task run on unwatched.
    pub fn detach(self) {}
}

impl Future for TaskHandle {
    type Output = TaskEnd;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TaskEnd> {
        self.task.poll_end(cx)
    }
}

impl fmt::Debug for TaskHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskHandle")
    }
}

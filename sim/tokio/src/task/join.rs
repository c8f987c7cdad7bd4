//! Joining a task, and aborting it.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use mapi_sync_engine::{self as engine, CaughtPanic};

use super::id::Id;
use super::spawned::Output;

/// What a panic carries.
type Payload = Box<dyn Any + Send + 'static>;

/// Waits for a task. Dropping it leaves the task running.
///
/// Inside an execution, a panic of the task is for whoever joins it; what is done with the error is
/// the program's affair. If nobody joins it, the execution shows the panic.
pub struct JoinHandle<T>(Repr<T>);

enum Repr<T> {
    Real(real::task::JoinHandle<T>),
    Inside(Inside<T>),
}

struct Inside<T> {
    task: engine::JoinHandle,
    output: Arc<Output<T>>,
    is_joined: bool,
}

impl<T> JoinHandle<T> {
    pub(crate) fn real(handle: real::task::JoinHandle<T>) -> Self {
        Self(Repr::Real(handle))
    }

    pub(super) fn inside(task: engine::JoinHandle, output: Arc<Output<T>>) -> Self {
        Self(Repr::Inside(Inside { task, output, is_joined: false }))
    }

    /// Asks for the task to be dropped at its next await point.
    pub fn abort(&self) {
        match &self.0 {
            Repr::Real(handle) => handle.abort(),
            Repr::Inside(inside) => inside.task.abort(),
        }
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            Repr::Real(handle) => handle.is_finished(),
            Repr::Inside(inside) => inside.task.is_finished(),
        }
    }

    /// A handle that aborts the task from elsewhere.
    #[must_use]
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle(match &self.0 {
            Repr::Real(handle) => AbortRepr::Real(handle.abort_handle()),
            Repr::Inside(inside) => {
                AbortRepr::Inside { task: inside.task.abort_handle(), id: inside.task.id() }
            }
        })
    }

    /// The task's identity.
    #[must_use]
    pub fn id(&self) -> Id {
        match &self.0 {
            Repr::Real(handle) => Id::real(handle.id()),
            Repr::Inside(inside) => Id::inside(inside.task.id()),
        }
    }

    /// The step at which the task ended in an execution.
    pub(super) fn ended_at(&self) -> Option<u64> {
        match &self.0 {
            Repr::Real(_) => None,
            Repr::Inside(inside) => inside.task.ended_at(),
        }
    }
}

impl<T> Inside<T> {
    /// What the task that has ended left.
    fn take(&mut self) -> Result<T, JoinError> {
        self.is_joined = true;
        match Output::take_alone(&mut self.output) {
            Some(Ok(output)) => Ok(output),
            result => Err(self.error(result.and_then(Result::err))),
        }
    }

    #[cold]
    fn error(&self, panic: Option<Box<CaughtPanic>>) -> JoinError {
        let id = Id::inside(self.task.id());
        match panic {
            Some(panic) => JoinError::panicked(id, panic.into_payload()),
            None => JoinError::cancelled(id),
        }
    }
}

impl<T> Drop for Inside<T> {
    fn drop(&mut self) {
        if self.is_joined {
            return;
        }
        let panic = match self.output.take() {
            Some(Err(panic)) => Some(*panic),
            // Whoever drops the handle has nothing to do with an output that panics.
            Some(Ok(output)) => {
                let dropped = catch_unwind(AssertUnwindSafe(|| drop(output)));
                dropped.err().map(CaughtPanic::new)
            }
            None => None,
        };
        if let Some(panic) = panic {
            panic.report();
        }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Repr::Real(handle) => Pin::new(handle).poll(cx).map_err(JoinError::real),
            Repr::Inside(inside) => {
                // How it ended is in what it left.
                let _ = ready!(Pin::new(&mut inside.task).poll(cx));
                Poll::Ready(inside.take())
            }
        }
    }
}

impl<T> Unpin for JoinHandle<T> {}
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id()).finish()
    }
}

/// Aborts a task.
#[derive(Clone)]
pub struct AbortHandle(AbortRepr);

#[derive(Clone)]
enum AbortRepr {
    Real(real::task::AbortHandle),
    Inside { task: engine::AbortHandle, id: engine::TaskId },
}

impl AbortHandle {
    pub(super) fn real(handle: real::task::AbortHandle) -> Self {
        Self(AbortRepr::Real(handle))
    }

    /// Asks for the task to be dropped at its next await point.
    pub fn abort(&self) {
        match &self.0 {
            AbortRepr::Real(handle) => handle.abort(),
            AbortRepr::Inside { task, .. } => task.abort(),
        }
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            AbortRepr::Real(handle) => handle.is_finished(),
            AbortRepr::Inside { task, .. } => task.is_finished(),
        }
    }

    /// The task's identity.
    #[must_use]
    pub fn id(&self) -> Id {
        match &self.0 {
            AbortRepr::Real(handle) => Id::real(handle.id()),
            AbortRepr::Inside { id, .. } => Id::inside(*id),
        }
    }
}

impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.id()).finish()
    }
}

/// Why a task has no output.
pub struct JoinError(ErrorRepr);

enum ErrorRepr {
    Real(real::task::JoinError),
    Cancelled(Id),
    Panicked(Id, Mutex<Payload>),
}

impl JoinError {
    pub(super) fn real(error: real::task::JoinError) -> Self {
        Self(ErrorRepr::Real(error))
    }

    fn cancelled(id: Id) -> Self {
        Self(ErrorRepr::Cancelled(id))
    }

    fn panicked(id: Id, payload: Payload) -> Self {
        Self(ErrorRepr::Panicked(id, Mutex::new(payload)))
    }

    /// Whether the task was aborted.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        match &self.0 {
            ErrorRepr::Real(error) => error.is_cancelled(),
            ErrorRepr::Cancelled(_) => true,
            ErrorRepr::Panicked(..) => false,
        }
    }

    /// Whether the task panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        !self.is_cancelled()
    }

    /// What the task panicked with.
    ///
    /// # Panics
    ///
    /// If it did not panic.
    #[track_caller]
    #[must_use]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        self.try_into_panic().expect("`JoinError` reason is not a panic.")
    }

    /// What the task panicked with.
    ///
    /// # Errors
    ///
    /// Itself, if the task did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, Self> {
        match self.0 {
            ErrorRepr::Real(error) => error.try_into_panic().map_err(Self::real),
            ErrorRepr::Panicked(_, payload) => {
                Ok(payload.into_inner().unwrap_or_else(PoisonError::into_inner))
            }
            cancelled @ ErrorRepr::Cancelled(_) => Err(Self(cancelled)),
        }
    }

    /// The task's identity.
    #[must_use]
    pub fn id(&self) -> Id {
        match &self.0 {
            ErrorRepr::Real(error) => Id::real(error.id()),
            ErrorRepr::Cancelled(id) | ErrorRepr::Panicked(id, _) => *id,
        }
    }
}

/// The text of a panic.
fn text(payload: &Mutex<Payload>) -> Option<String> {
    let payload = payload.lock().unwrap_or_else(PoisonError::into_inner);
    let text = payload.downcast_ref::<&'static str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ErrorRepr::Real(error) => error.fmt(f),
            ErrorRepr::Cancelled(id) => write!(f, "task {id} was cancelled"),
            ErrorRepr::Panicked(id, payload) => match text(payload) {
                Some(text) => write!(f, "task {id} panicked with message {text:?}"),
                None => write!(f, "task {id} panicked"),
            },
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ErrorRepr::Real(error) => error.fmt(f),
            ErrorRepr::Cancelled(id) => write!(f, "JoinError::Cancelled(Id({id}))"),
            ErrorRepr::Panicked(id, payload) => match text(payload) {
                Some(text) => write!(f, "JoinError::Panic(Id({id}), {text:?}, ...)"),
                None => write!(f, "JoinError::Panic(Id({id}), ...)"),
            },
        }
    }
}

impl Error for JoinError {}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> Self {
        let text = if error.is_panic() { "task panicked" } else { "task was cancelled" };
        Self::other(text)
    }
}

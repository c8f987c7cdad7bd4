//! A handle to a runtime.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};

use mapi_sync_engine as engine;

use super::{RuntimeFlavor, RuntimeMetrics, block_on};
use crate::inside::is_inside;
use crate::task::{self, JoinHandle};

/// A handle to a runtime, or to an execution.
#[derive(Clone, Debug)]
pub struct Handle(Repr);

#[derive(Clone, Debug)]
enum Repr {
    Real(real::runtime::Handle),
    Inside { has_one_thread: bool, execution: u64 },
}

impl Handle {
    pub(super) fn real(handle: real::runtime::Handle) -> Self {
        Self(Repr::Real(handle))
    }

    pub(super) fn inside(has_one_thread: bool) -> Self {
        Self(Repr::Inside { has_one_thread, execution: engine::execution().unwrap_or(0) })
    }

    /// The real one. `None` for an execution's.
    pub(crate) fn as_real(&self) -> Option<&real::runtime::Handle> {
        match &self.0 {
            Repr::Real(handle) => Some(handle),
            Repr::Inside { .. } => None,
        }
    }

    /// The handle to the runtime, or the execution, that the caller is in.
    ///
    /// # Panics
    ///
    /// Outside of both.
    #[track_caller]
    #[must_use]
    pub fn current() -> Self {
        if is_inside() { Self::inside(false) } else { Self::real(real::runtime::Handle::current()) }
    }

    /// The same.
    ///
    /// # Errors
    ///
    /// Outside of both.
    pub fn try_current() -> Result<Self, TryCurrentError> {
        if is_inside() {
            Ok(Self::inside(false))
        } else {
            real::runtime::Handle::try_current().map(Self::real).map_err(TryCurrentError)
        }
    }

    /// Makes this the current runtime, until the guard is dropped.
    pub fn enter(&self) -> EnterGuard<'_> {
        EnterGuard { _guard: self.as_real().map(real::runtime::Handle::enter), _of: PhantomData }
    }

    /// Starts a task.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match &self.0 {
            Repr::Real(handle) => JoinHandle::real(handle.spawn(future)),
            Repr::Inside { .. } => task::spawn(future),
        }
    }

    /// Runs a blocking closure apart from the tasks.
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, func: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        match &self.0 {
            Repr::Real(handle) => JoinHandle::real(handle.spawn_blocking(func)),
            Repr::Inside { .. } => task::spawn_blocking(func),
        }
    }

    /// Runs a future to its end.
    ///
    /// # Panics
    ///
    /// As [`Runtime::block_on`](super::Runtime::block_on) does.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match &self.0 {
            Repr::Real(handle) => handle.block_on(future),
            Repr::Inside { .. } => block_on("Handle::block_on", future),
        }
    }

    /// Which kind of runtime it is. An execution stands for one with several threads, unless its
    /// builder says otherwise.
    #[must_use]
    pub fn runtime_flavor(&self) -> RuntimeFlavor {
        match &self.0 {
            Repr::Real(handle) => handle.runtime_flavor(),
            Repr::Inside { has_one_thread: true, .. } => RuntimeFlavor::CurrentThread,
            Repr::Inside { .. } => RuntimeFlavor::MultiThread,
        }
    }

    /// The runtime's identity.
    #[must_use]
    pub fn id(&self) -> Id {
        Id(match &self.0 {
            Repr::Real(handle) => IdRepr::Real(handle.id()),
            Repr::Inside { execution, .. } => IdRepr::Inside(*execution),
        })
    }

    /// The runtime's name. An execution has none.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.as_real().and_then(real::runtime::Handle::name)
    }

    /// What the runtime counts.
    ///
    /// # Panics
    ///
    /// Inside an execution, which counts nothing.
    #[must_use]
    pub fn metrics(&self) -> RuntimeMetrics {
        let real = self.as_real();
        real.expect("Handle::metrics is not under control inside an execution").metrics()
    }
}

impl Id {
    /// That of a set of local tasks, which counts as a runtime.
    pub(crate) fn of_set(id: real::runtime::Id) -> Self {
        Self(IdRepr::Real(id))
    }
}

impl UnwindSafe for Handle {}
impl RefUnwindSafe for Handle {}

/// The runtime is current until this is dropped.
#[derive(Debug)]
#[must_use = "the runtime is current only as long as the guard lives"]
pub struct EnterGuard<'a> {
    _guard: Option<real::runtime::EnterGuard<'a>>,
    _of: PhantomData<&'a Handle>,
}

/// Identifies a runtime among those that run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(IdRepr);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum IdRepr {
    Real(real::runtime::Id),
    Inside(u64),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IdRepr::Real(id) => id.fmt(f),
            IdRepr::Inside(execution) => execution.fmt(f),
        }
    }
}

/// The caller is in no runtime.
#[derive(Debug)]
pub struct TryCurrentError(real::runtime::TryCurrentError);

impl TryCurrentError {
    /// Whether no runtime is current.
    #[must_use]
    pub fn is_missing_context(&self) -> bool {
        self.0.is_missing_context()
    }

    /// Whether the thread is about to end.
    #[must_use]
    pub fn is_thread_local_destroyed(&self) -> bool {
        self.0.is_thread_local_destroyed()
    }
}

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for TryCurrentError {}

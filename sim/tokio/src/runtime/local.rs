//! A runtime of local tasks: `LocalRuntime`.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use super::{EnterGuard, Handle, LocalOptions, RuntimeMetrics};
use crate::inside::refuse;
use crate::task::JoinHandle;

/// What to use inside an execution.
const INSTEAD: &str = "use a task::LocalSet instead";

by_handle!(LocalRuntime);

/// A runtime whose tasks stay on the thread that made it. It is the real one, and refused inside an
/// execution.
pub struct LocalRuntime {
    real: real::runtime::LocalRuntime,
    handle: Handle,
}

impl LocalRuntime {
    /// A runtime with everything enabled.
    ///
    /// # Errors
    ///
    /// As the real one has.
    ///
    /// # Panics
    ///
    /// Inside an execution.
    #[track_caller]
    pub fn new() -> io::Result<Self> {
        refuse("runtime::LocalRuntime::new", INSTEAD);
        real::runtime::LocalRuntime::new().map(Self::real)
    }

    #[track_caller]
    pub(super) fn build(
        builder: &mut real::runtime::Builder,
        options: LocalOptions,
    ) -> io::Result<Self> {
        refuse("runtime::Builder::build_local", INSTEAD);
        builder.build_local(options).map(Self::real)
    }

    fn real(real: real::runtime::LocalRuntime) -> Self {
        let handle = Handle::real(real.handle().clone());
        Self { real, handle }
    }

    /// Starts a task, which need not be `Send`.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        JoinHandle::real(self.real.spawn_local(future))
    }

    /// Runs a future to its end.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.real.block_on(future)
    }

    /// Ends the runtime, and waits up to `duration` for its tasks.
    pub fn shutdown_timeout(self, duration: Duration) {
        self.real.shutdown_timeout(duration);
    }

    /// Ends the runtime, and waits for nothing.
    pub fn shutdown_background(self) {
        self.real.shutdown_background();
    }
}

impl fmt::Debug for LocalRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.real.fmt(f)
    }
}

impl UnwindSafe for LocalRuntime {}
impl RefUnwindSafe for LocalRuntime {}

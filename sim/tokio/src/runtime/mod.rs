//! Runtimes: `tokio::runtime`.
//!
//! Inside an execution a runtime is a handle to the execution. Its tasks are the execution's, and
//! dropping it leaves them running.

/// What both kinds of runtime do by their handle.
macro_rules! by_handle {
    ($Runtime:ident) => {
        impl $Runtime {
            /// A handle to this runtime.
            #[must_use]
            pub fn handle(&self) -> &Handle {
                &self.handle
            }

            /// Runs a blocking closure apart from the tasks.
            #[track_caller]
            pub fn spawn_blocking<F, R>(&self, func: F) -> JoinHandle<R>
            where
                F: FnOnce() -> R + Send + 'static,
                R: Send + 'static,
            {
                self.handle.spawn_blocking(func)
            }

            /// Makes this the current runtime, until the guard is dropped.
            pub fn enter(&self) -> EnterGuard<'_> {
                self.handle.enter()
            }

            /// What the runtime counts.
            ///
            /// # Panics
            ///
            /// Inside an execution, which counts nothing.
            #[must_use]
            pub fn metrics(&self) -> RuntimeMetrics {
                self.handle.metrics()
            }
        }
    };
}

mod block_on;
mod builder;
mod handle;
mod local;

use std::future::Future;
#[cfg(feature = "rt-multi-thread")]
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

pub use real::runtime::{
    LocalOptions, RuntimeFlavor, RuntimeMetrics, is_rt_shutdown_err, worker_index,
};

pub(crate) use self::block_on::block_on;
pub use self::builder::Builder;
pub use self::handle::{EnterGuard, Handle, Id, TryCurrentError};
pub use self::local::LocalRuntime;
use crate::task::JoinHandle;

by_handle!(Runtime);

/// A runtime.
#[derive(Debug)]
pub struct Runtime {
    /// `None` inside an execution.
    real: Option<real::runtime::Runtime>,
    handle: Handle,
}

impl Runtime {
    /// A runtime with several threads; inside an execution, a handle to it.
    ///
    /// # Errors
    ///
    /// As the real one has.
    #[cfg(feature = "rt-multi-thread")]
    pub fn new() -> io::Result<Self> {
        Builder::new_multi_thread().enable_all().build()
    }

    fn real(real: real::runtime::Runtime) -> Self {
        let handle = Handle::real(real.handle().clone());
        Self { real: Some(real), handle }
    }

    fn inside(has_one_thread: bool) -> Self {
        Self { real: None, handle: Handle::inside(has_one_thread) }
    }

    /// Starts a task.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// Runs a future to its end.
    ///
    /// # Panics
    ///
    /// Inside an execution, if the future waits for another task, a timer or a message: the calling
    /// task cannot be suspended there. Await the future instead.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match &self.real {
            Some(real) => real.block_on(future),
            None => block_on("Runtime::block_on", future),
        }
    }

    /// Ends the runtime, and waits up to `duration` for its tasks.
    pub fn shutdown_timeout(self, duration: Duration) {
        if let Some(real) = self.real {
            real.shutdown_timeout(duration);
        }
    }

    /// Ends the runtime, and waits for nothing.
    pub fn shutdown_background(self) {
        if let Some(real) = self.real {
            real.shutdown_background();
        }
    }
}

impl UnwindSafe for Runtime {}
impl RefUnwindSafe for Runtime {}

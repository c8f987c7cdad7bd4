//! How a runtime is made.

use std::io;
use std::time::Duration;

use super::{LocalOptions, LocalRuntime, Runtime};
use crate::inside::is_inside;

/// How a runtime is made. Inside an execution only the flavour and [`start_paused`] count.
///
/// [`start_paused`]: Self::start_paused
#[derive(Debug)]
pub struct Builder {
    real: real::runtime::Builder,
    has_one_thread: bool,
    #[cfg(feature = "test-util")]
    start_paused: bool,
}

/// Methods that hand their argument to the real builder.
macro_rules! pass_on {
    ($($(#[$doc:meta])* $name:ident($($value:ident: $of:ty)?);)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $name(&mut self $(, $value: $of)?) -> &mut Self {
            self.real.$name($($value)?);
            self
        }
    )*};
}

/// The same for callbacks.
macro_rules! pass_callback {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name<F>(&mut self, f: F) -> &mut Self
        where
            F: Fn() + Send + Sync + 'static,
        {
            self.real.$name(f);
            self
        }
    )*};
}

impl Builder {
    fn of(real: real::runtime::Builder, has_one_thread: bool) -> Self {
        Self {
            real,
            has_one_thread,
            #[cfg(feature = "test-util")]
            start_paused: false,
        }
    }

    /// A runtime on the calling thread.
    #[must_use]
    pub fn new_current_thread() -> Self {
        Self::of(real::runtime::Builder::new_current_thread(), true)
    }

    /// A runtime with several threads.
    #[cfg(feature = "rt-multi-thread")]
    #[must_use]
    pub fn new_multi_thread() -> Self {
        Self::of(real::runtime::Builder::new_multi_thread(), false)
    }

    pass_on! {
        /// With everything that the features allow.
        enable_all();
        /// With timers.
        enable_time();
        /// How many threads run tasks.
        worker_threads(val: usize);
        /// How many threads run blocking closures.
        max_blocking_threads(val: usize);
        /// The threads' name.
        thread_name(val: impl Into<String>);
        /// The runtime's name.
        name(val: impl Into<String>);
        /// The size of the threads' stacks, in bytes.
        thread_stack_size(val: usize);
        /// How long a thread for blocking closures waits for the next one.
        thread_keep_alive(duration: Duration);
        /// How many tasks run before one of the common queue does.
        global_queue_interval(val: u32);
        /// How many tasks run before events are looked at.
        event_interval(val: u32);
    }

    /// With input and output.
    #[cfg(any(feature = "net", feature = "process", feature = "signal"))]
    pub fn enable_io(&mut self) -> &mut Self {
        self.real.enable_io();
        self
    }

    /// How many events are taken at once.
    #[cfg(any(feature = "net", feature = "process", feature = "signal"))]
    pub fn max_io_events_per_tick(&mut self, capacity: usize) -> &mut Self {
        self.real.max_io_events_per_tick(capacity);
        self
    }

    /// How many events are taken at once while tasks wait to run.
    #[cfg(any(feature = "net", feature = "process", feature = "signal"))]
    #[track_caller]
    pub fn max_io_events_per_busy_tick(&mut self, capacity: usize) -> &mut Self {
        self.real.max_io_events_per_busy_tick(capacity);
        self
    }

    /// The threads' names.
    pub fn thread_name_fn<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() -> String + Send + Sync + 'static,
    {
        self.real.thread_name_fn(f);
        self
    }

    pass_callback! {
        /// Runs `f` when a thread starts.
        on_thread_start;
        /// Runs `f` when a thread stops.
        on_thread_stop;
        /// Runs `f` before a thread waits.
        on_thread_park;
        /// Runs `f` after a thread has waited.
        on_thread_unpark;
    }

    /// Starts with a paused clock.
    #[cfg(feature = "test-util")]
    pub fn start_paused(&mut self, start_paused: bool) -> &mut Self {
        self.real.start_paused(start_paused);
        self.start_paused = start_paused;
        self
    }

    /// Makes the runtime; inside an execution, a handle to it.
    ///
    /// # Errors
    ///
    /// As the real one has.
    pub fn build(&mut self) -> io::Result<Runtime> {
        if !is_inside() {
            return self.real.build().map(Runtime::real);
        }
        #[cfg(feature = "test-util")]
        if self.start_paused {
            crate::time::start_paused();
        }
        Ok(Runtime::inside(self.has_one_thread))
    }

    /// Makes a runtime for tasks that stay on this thread.
    ///
    /// # Errors
    ///
    /// As the real one has.
    ///
    /// # Panics
    ///
    /// Inside an execution.
    #[track_caller]
    pub fn build_local(&mut self, options: LocalOptions) -> io::Result<LocalRuntime> {
        LocalRuntime::build(&mut self.real, options)
    }
}

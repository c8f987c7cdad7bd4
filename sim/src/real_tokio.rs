//! The real tokio inside of executions: what a dependency meets that was not renamed.
//!
//! Each execution has a runtime of one thread with a paused clock, and each poll runs in its
//! context. Its timers fire in virtual time. Its tasks run too: each poll of one is a segment of a
//! single task of the execution. Blocking closures are refused, and so are files and sockets,
//! because the runtime has no driver for them.

use std::cell::Cell;
use std::future::poll_fn;
use std::panic::panic_any;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use mapi_sync_engine::{GuestRuntime, caught_panics, current, current_step, task_name};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::{self, Instant};

use crate::check::asks_for_tokio;

thread_local! {
    /// Who wants to know when the clock of the runtime on this thread shows another time than this.
    static AT_OTHER_TIME: Cell<Option<(Waker, Instant)>> = const { Cell::new(None) };
    /// Whether a task of the execution on this thread has asked for a thread.
    static WAS_REFUSED: Cell<bool> = const { Cell::new(false) };
    /// What was found by hiding the real tokio.
    static FOUND: Cell<Option<Found>> = const { Cell::new(None) };
}

/// Why no thread is started.
const REFUSED: &str = "a thread of the real tokio is not under control inside an execution: \
                       `spawn_blocking`, the functions of `fs`, `net::lookup_host` and `io::stdin` \
                       need one. Run the closure in the task, hand the program its data, or let \
                       the crate mapi-sync-tokio stand in for tokio, in the manifest of whoever \
                       calls it";

/// Code that asked for the real tokio.
pub(crate) struct Found {
    /// The step of its execution.
    pub(crate) step: u64,
    /// The task.
    pub(crate) task: String,
    /// File and line.
    pub(crate) place: String,
}

/// Takes the first that asked for the real tokio while it was hidden, in the last execution on this
/// thread.
pub(crate) fn take_found() -> Option<Found> {
    FOUND.take()
}

/// The real tokio as the engine's guest.
#[derive(Default)]
pub(crate) struct RealTokio {
    execution: Option<Execution>,
    /// From which step on tasks do not meet it.
    hidden_from: Option<u64>,
}

/// Looks for panics of code that did not meet the real tokio, once it has returned or unwinds.
struct Looks;

impl Drop for Looks {
    fn drop(&mut self) {
        let found = FOUND.take().or_else(|| {
            let panics = caught_panics();
            let panic = panics.iter().find(|panic| asks_for_tokio(panic))?;
            let (place, _) = panic.split_once(": ")?;
            let (step, task) = (current_step(), task_name(current()));
            Some(Found { step, task, place: place.to_owned() })
        });
        FOUND.set(found);
    }
}

/// The runtime of one execution.
struct Execution {
    runtime: Runtime,
    /// Its time 0.
    began: Instant,
    /// Set by a task that is the last of all that can run.
    rests: Arc<AtomicBool>,
    /// Whether such a task waits for its turn.
    has_turns: Cell<bool>,
    /// Whether a timer may have woken tasks.
    may_run: Cell<bool>,
}

impl RealTokio {
    /// One that tasks do not meet from this step on.
    pub(crate) fn hidden_from(step: u64) -> Self {
        Self { execution: None, hidden_from: Some(step) }
    }
}

impl GuestRuntime for RealTokio {
    fn name(&self) -> &'static str {
        "tokio"
    }

    fn begin(&mut self) {
        WAS_REFUSED.set(false);
        FOUND.set(None);
        self.execution = Execution::begin();
    }

    fn host(&self, code: &mut dyn FnMut()) {
        let shown = self.hidden_from.is_none_or(|step| current_step() < step);
        match &self.execution {
            Some(execution) if shown => {
                let _context = execution.runtime.enter();
                code();
            }
            _ => {
                let _looks = Looks;
                code();
            }
        }
    }

    fn wakes(&self) -> bool {
        self.execution.as_ref().is_some_and(Execution::wakes)
    }

    fn turn(&self) -> bool {
        self.execution.as_ref().is_some_and(Execution::turn)
    }

    fn advance(&self, until: u64, is_woken: &mut dyn FnMut() -> bool) -> u64 {
        self.execution.as_ref().map_or(until, |execution| execution.advance(until, is_woken))
    }

    fn end(&mut self) {
        if let Some(execution) = self.execution.take() {
            execution.runtime.shutdown_background();
        }
    }
}

impl Execution {
    /// `None` if a runtime runs on this thread already.
    fn begin() -> Option<Self> {
        if Handle::try_current().is_ok() {
            return None;
        }
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            // One poll in a turn. What a task of the runtime wakes comes before what others wake.
            .event_interval(1)
            .global_queue_interval(u32::MAX)
            .on_thread_unpark(|| {
                match AT_OTHER_TIME.take() {
                    // A wake keeps the clock from moving next.
                    Some((waker, time)) if time != Instant::now() => waker.wake(),
                    waits => AT_OTHER_TIME.set(waits),
                }
            })
            .thread_name_fn(|| {
                WAS_REFUSED.set(true);
                panic_any(REFUSED.to_owned())
            })
            .build()
            .ok()?;
        let began = {
            let _context = runtime.enter();
            Instant::now()
        };
        Some(Self {
            runtime,
            began,
            rests: Arc::default(),
            has_turns: Cell::new(false),
            may_run: Cell::new(false),
        })
    }

    fn has_tasks(&self) -> bool {
        self.runtime.metrics().num_alive_tasks() > 0
    }

    fn wakes(&self) -> bool {
        if self.has_turns.get() {
            return false;
        }
        let may_run = self.may_run.replace(false);
        if !may_run && self.runtime.metrics().global_queue_depth() == 0 {
            return false;
        }
        let rests = Arc::clone(&self.rests);
        rests.store(false, Relaxed);
        drop(self.runtime.spawn(async move { rests.store(true, Relaxed) }));
        self.has_turns.set(true);
        true
    }

    fn turn(&self) -> bool {
        if WAS_REFUSED.get() || !self.has_turns.get() {
            return false;
        }
        let mut is_over = false;
        self.runtime.block_on(poll_fn(|cx| {
            if is_over {
                return Poll::Ready(());
            }
            is_over = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        let goes_on = !self.rests.load(Relaxed);
        self.has_turns.set(goes_on);
        goes_on
    }

    /// What the clock shows, in milliseconds. Only within the runtime.
    fn now(&self) -> u64 {
        let shown = Instant::now().saturating_duration_since(self.began);
        u64::try_from(shown.as_millis()).unwrap_or(u64::MAX)
    }

    fn advance(&self, until: u64, is_woken: &mut dyn FnMut() -> bool) -> u64 {
        let _context = self.runtime.enter();
        let now = self.now();
        if now >= until {
            return now;
        }
        // A thread that was asked for would keep the clock from moving. And where tasks that can
        // run wait for their turn, they are not to run here.
        if WAS_REFUSED.get() || self.has_turns.get() {
            let length = Duration::from_millis(until - now);
            // The first poll moves the clock.
            let _ = pin!(time::advance(length)).poll(&mut Context::from_waker(Waker::noop()));
            return until;
        }
        let began = self.began;
        let end = began.checked_add(Duration::from_millis(until));
        let end = end.unwrap_or_else(|| began + Duration::from_secs(365 * 24 * 60 * 60));
        let mut end = pin!(time::sleep_until(end));
        self.runtime.block_on(poll_fn(|cx| {
            // Where the clock stands on the way, tasks of the runtime may have been woken.
            let may_run = self.now() > now && self.has_tasks();
            if end.as_mut().poll(cx).is_ready() || may_run || is_woken() {
                return Poll::Ready(());
            }
            AT_OTHER_TIME.set(Some((cx.waker().clone(), Instant::now())));
            Poll::Pending
        }));
        drop(AT_OTHER_TIME.take());
        self.may_run.set(self.has_tasks());
        self.now()
    }
}

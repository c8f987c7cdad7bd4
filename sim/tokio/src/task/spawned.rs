//! The future of a task that the engine runs.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use mapi_sync_engine::{self as engine, Builder, CaughtPanic};
use pin_project_lite::pin_project;

use super::join::JoinHandle;
use crate::inside::task_name;

const RUNS: u64 = u64::MAX;

/// What a task leaves to whoever joins it.
pub(crate) struct Output<T> {
    result: Mutex<Option<Result<T, CaughtPanic>>>,
    /// The step of its end; `RUNS` before.
    ended_at: AtomicU64,
}

impl<T> Output<T> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { result: Mutex::new(None), ended_at: AtomicU64::new(RUNS) })
    }

    /// The result, once. `None` if the task was dropped before its end.
    pub(super) fn take(&self) -> Option<Result<T, CaughtPanic>> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, result: Result<T, CaughtPanic>) {
        *self.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
    }

    /// The step at which the task ended, dropped or not. `None` as long as it has not.
    pub(super) fn ended_at(&self) -> Option<u64> {
        let step = self.ended_at.load(Ordering::Relaxed);
        (step != RUNS).then_some(step)
    }
}

pin_project! {
    /// Runs a future to its end, and keeps what comes of it.
    pub(super) struct Spawned<F: Future> {
        #[pin]
        future: Option<F>,
        output: Arc<Output<F::Output>>,
    }

    impl<F: Future> PinnedDrop for Spawned<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            this.output.ended_at.store(engine::current_step(), Ordering::Relaxed);
            // It may be aborted, and panic at that.
            let dropped = catch_unwind(AssertUnwindSafe(|| this.future.set(None)));
            match dropped {
                Ok(()) => {}
                Err(payload) if Arc::strong_count(this.output) == 1 || engine::is_closing() => {
                    resume_unwind(payload)
                }
                Err(payload) => this.output.set(Err(CaughtPanic::new(payload))),
            }
        }
    }
}

impl<F: Future> Spawned<F> {
    pub(super) fn new(future: F, output: Arc<Output<F::Output>>) -> Self {
        Self { future: Some(future), output }
    }
}

impl<F: Future> Future for Spawned<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let future = this.future.as_mut().as_pin_mut();
            future.expect("a task is not polled after its end").poll(cx)
        }));
        let result = match result {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(payload),
        };
        let dropped = catch_unwind(AssertUnwindSafe(|| this.future.set(None)));
        let result = match dropped {
            Ok(()) => result,
            Err(payload) => result.and(Err(payload)),
        };
        match result {
            // Nobody will take the panic.
            Err(payload) if Arc::strong_count(this.output) == 1 => resume_unwind(payload),
            result => this.output.set(result.map_err(CaughtPanic::new)),
        }
        Poll::Ready(())
    }
}

/// Starts a task of the engine. `early` says whether it may run before this returns.
pub(crate) fn spawn<F>(future: F, early: bool) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let output = Output::new();
    let task = Spawned::new(future, Arc::clone(&output));
    JoinHandle::inside(builder::<F>(early).spawn(task), output)
}

/// How a task is run. It ends with the runtime: an execution does not wait for it.
pub(super) fn builder<F>(early: bool) -> Builder {
    let builder = Builder::new(task_name::<F>()).background();
    if early { builder.early() } else { builder }
}

//! The future of a task that the engine runs.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use mapi_sync_engine::{self as engine, Builder, CaughtPanic};
use pin_project_lite::pin_project;

use super::join::JoinHandle;
use crate::inside::task_name;

/// What came of a task. A panic is boxed, so that what is moved is small.
type TaskResult<T> = Result<T, Box<CaughtPanic>>;

/// What a task leaves to whoever joins it.
pub(crate) struct Output<T> {
    result: Mutex<Option<TaskResult<T>>>,
}

impl<T> Output<T> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { result: Mutex::new(None) })
    }

    /// The result, once. `None` if the task was dropped before its end.
    pub(super) fn take(&self) -> Option<TaskResult<T>> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The same for whoever is alone with it, as a joiner is once the task has ended: that needs no
    /// lock.
    #[inline]
    pub(super) fn take_alone(this: &mut Arc<Self>) -> Option<TaskResult<T>> {
        match Arc::get_mut(this) {
            Some(alone) => alone.result.get_mut().unwrap_or_else(PoisonError::into_inner).take(),
            None => this.take(),
        }
    }

    fn set(&self, result: TaskResult<T>) {
        *self.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
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
            if this.future.is_none() {
                return;
            }
            // It is aborted, and may panic at that.
            let dropped = catch_unwind(AssertUnwindSafe(|| this.future.set(None)));
            match dropped {
                Ok(()) => {}
                Err(payload) if Arc::strong_count(this.output) == 1 || engine::is_closing() => {
                    resume_unwind(payload)
                }
                Err(payload) => this.output.set(Err(Box::new(CaughtPanic::new(payload)))),
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
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let future = this.future.as_mut().as_pin_mut();
            let polled = future.expect("a task is not polled after its end").poll(cx);
            if polled.is_ready() {
                this.future.set(None);
            }
            polled
        }));
        match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => this.output.set(Ok(output)),
            Err(payload) => {
                // Only the first panic is anyone's.
                drop(catch_unwind(AssertUnwindSafe(|| this.future.set(None))));
                if Arc::strong_count(this.output) == 1 {
                    // Nobody will take it.
                    resume_unwind(payload);
                }
                this.output.set(Err(Box::new(CaughtPanic::new(payload))));
            }
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

//! The worker's runtime: tokio's, with a list of the provider's tasks.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use super::state::WorkerState;
use crate::com::incident::{Watch, as_task};
use crate::lock::lock;
use crate::{BoxFuture, Events, HResult, Runtime, Shared, TaskHandle, TokioRuntime};

/// The tasks that the provider spawned and that have not ended, by their number.
#[derive(Default)]
pub(super) struct Tasks {
    pub(super) running: BTreeMap<u64, Arc<str>>,
    pub(super) spawned: u64,
}

/// The worker's runtime: tokio's, with a list of the provider's tasks.
pub(super) struct WorkerRuntime {
    pub(super) shared: Arc<WorkerState>,
    pub(super) tokio: TokioRuntime,
}

impl Runtime for WorkerRuntime {
    fn spawn(&self, name: Cow<'static, str>, task: BoxFuture) -> Result<TaskHandle, HResult> {
        let listed = Listed::new(&self.shared, &name);
        self.tokio.spawn(name, Box::pin(ListedTask { task, listed }))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture {
        self.tokio.sleep(duration)
    }

    fn deadline(&self, duration: Duration) -> BoxFuture {
        self.tokio.deadline(duration)
    }

    fn now(&self) -> Duration {
        self.tokio.now()
    }

    fn events(&self) -> &Arc<dyn Events> {
        self.tokio.events()
    }

    fn shared(&self, name: &'static str) -> Arc<dyn Shared> {
        self.tokio.shared(name)
    }
}

/// A task that is listed until it is dropped. The task is dropped before that.
struct ListedTask {
    task: BoxFuture,
    listed: Listed,
}

impl Future for ListedTask {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { task, listed } = self.get_mut();
        let watch = Watch::begin();
        let polled = as_task(&listed.name, || {
            let polled = catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(cx)));
            watch.end(&listed.shared.settings.incidents, polled.as_ref().err());
            polled
        });
        polled.unwrap_or_else(|payload| {
            listed.shared.has_panicked.store(true, Ordering::Release);
            // The runtime notes how the task ended.
            resume_unwind(payload)
        })
    }
}

struct Listed {
    shared: Arc<WorkerState>,
    number: u64,
    name: Arc<str>,
}

impl Listed {
    fn new(shared: &Arc<WorkerState>, name: &str) -> Self {
        let name: Arc<str> = name.into();
        let mut tasks = lock(&shared.tasks);
        tasks.spawned += 1;
        let number = tasks.spawned;
        tasks.running.insert(number, Arc::clone(&name));
        drop(tasks);
        Self { shared: Arc::clone(shared), number, name }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        lock(&self.shared.tasks).running.remove(&self.number);
        self.shared.wake();
    }
}

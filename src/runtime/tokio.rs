//! The runtime handle over tokio.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{BoxFuture, Runtime, Shared, Task, TaskEnd, TaskHandle};
use crate::{Events, HResult};

/// Runs syncs on a tokio runtime. Time is tokio's, so `tokio::time::pause` works too.
#[derive(Clone)]
pub struct TokioRuntime {
    handle: Handle,
    events: Arc<dyn Events>,
    epoch: Instant,
}

impl TokioRuntime {
    /// Uses the runtime behind `handle`, which needs its time driver enabled, and `events` as the
    /// kernel.
    ///
    /// Off Windows, [`ProcessEvents`](crate::ProcessEvents) is such a kernel.
    #[must_use]
    pub fn new(handle: Handle, events: Arc<dyn Events>) -> Self {
        let epoch = {
            let _context = handle.enter();
            Instant::now()
        };
        Self { handle, events, epoch }
    }

    /// Uses the runtime that this is called on.
    ///
    /// # Panics
    ///
    /// When called outside of a tokio runtime.
    #[must_use]
    pub fn current(events: Arc<dyn Events>) -> Self {
        Self::new(Handle::current(), events)
    }
}

impl Runtime for TokioRuntime {
    fn spawn(&self, _name: Cow<'static, str>, task: BoxFuture) -> Result<TaskHandle, HResult> {
        Ok(TaskHandle::new(TokioTask(self.handle.spawn(task))))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture {
        let _context = self.handle.enter();
        Box::pin(tokio::time::sleep(duration))
    }

    fn now(&self) -> Duration {
        let _context = self.handle.enter();
        self.epoch.elapsed()
    }

    fn events(&self) -> &Arc<dyn Events> {
        &self.events
    }

    fn shared(&self, _name: &'static str) -> Arc<dyn Shared> {
        Arc::new(())
    }
}

impl fmt::Debug for TokioRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokioRuntime").finish_non_exhaustive()
    }
}

struct TokioTask(JoinHandle<()>);

impl Task for TokioTask {
    fn abort(&self) {
        self.0.abort();
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<TaskEnd> {
        Poll::Ready(match ready!(Pin::new(&mut self.0).poll(cx)) {
            Ok(()) => TaskEnd::Finished,
            Err(error) if error.is_panic() => TaskEnd::Panicked,
            Err(_) => TaskEnd::Aborted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProcessEvents;

    #[tokio::test(start_paused = true)]
    async fn time_is_tokios_and_each_end_is_reported() {
        let runtime = TokioRuntime::current(Arc::new(ProcessEvents::new()));
        let nap = runtime.sleep(Duration::from_secs(3600));
        let finished = runtime.spawn("nap".into(), nap).unwrap();
        let panicked =
            runtime.spawn("bang".into(), Box::pin(async { panic!("as planned") })).unwrap();
        let aborted = runtime.spawn("wait".into(), Box::pin(std::future::pending())).unwrap();
        assert_eq!(panicked.await, TaskEnd::Panicked);
        assert_eq!(finished.await, TaskEnd::Finished);
        assert_eq!(runtime.now().as_secs(), 3600);
        aborted.abort();
        assert_eq!(aborted.await, TaskEnd::Aborted);
    }
}

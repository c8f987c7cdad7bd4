//! The engine as the runtime of provider code.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use mapi_sync::{BoxFuture, Events, HResult, Runtime, Shared, Task, TaskEnd, TaskHandle};

use crate::engine::{self, Builder, JoinError, JoinHandle, Object};

/// The [`Runtime`] of the execution that is running: its tasks are the engine's, its time is
/// virtual, in whole milliseconds. The events are the caller's.
///
/// A [`sleep`](Runtime::sleep) is [`engine::work`], which may be late within
/// [`Limits::late_percent`](engine::Limits::late_percent); a [`deadline`](Runtime::deadline) is
/// exact. A task that is
/// spawned may run before `spawn` returns, within
/// [`Limits::early_segments`](engine::Limits::early_segments).
#[derive(Clone)]
pub struct SimRuntime {
    events: Arc<dyn Events>,
    droppable: bool,
}

impl SimRuntime {
    /// A runtime with these events.
    #[must_use]
    pub fn new(events: Arc<dyn Events>) -> Self {
        Self { events, droppable: false }
    }

    /// Lets the strategy drop each spawned task at any of its await points, within
    /// [`Limits::drops`](engine::Limits::drops).
    #[must_use]
    pub fn droppable(mut self, droppable: bool) -> Self {
        self.droppable = droppable;
        self
    }
}

impl Runtime for SimRuntime {
    fn spawn(&self, name: Cow<'static, str>, task: BoxFuture) -> Result<TaskHandle, HResult> {
        if !engine::is_simulated() || engine::is_closing() {
            return Err(HResult::MAPI_E_END_OF_SESSION);
        }
        let builder = Builder::new(name).early();
        let builder = if self.droppable { builder.droppable() } else { builder };
        Ok(TaskHandle::new(SimTask(builder.spawn_boxed(task))))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture {
        Box::pin(engine::work_for(duration))
    }

    fn deadline(&self, duration: Duration) -> BoxFuture {
        Box::pin(engine::sleep_for(duration))
    }

    fn now(&self) -> Duration {
        Duration::from_millis(engine::now())
    }

    fn events(&self) -> &Arc<dyn Events> {
        &self.events
    }

    fn shared(&self, name: &'static str) -> Arc<dyn Shared> {
        Arc::new(Tracked(Object::new(name)))
    }
}

/// What provider code shares, as an object that the engine tracks.
struct Tracked(Object);

impl Shared for Tracked {
    fn read(&self) {
        self.0.read();
    }

    fn write(&self) {
        self.0.write();
    }

    fn waits(&self) {
        self.0.waits();
    }
}

impl fmt::Debug for SimRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimRuntime").field("droppable", &self.droppable).finish_non_exhaustive()
    }
}

struct SimTask(JoinHandle);

impl Task for SimTask {
    fn abort(&self) {
        self.0.abort();
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<TaskEnd> {
        Pin::new(&mut self.0).poll(cx).map(|end| match end {
            Ok(()) => TaskEnd::Finished,
            Err(JoinError::Panicked) => TaskEnd::Panicked,
            Err(_) => TaskEnd::Aborted,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use mapi_sync::ProcessEvents;

    use super::*;
    use crate::engine::{Engine, Limits};
    use crate::strategy::Random;

    #[test]
    fn provider_code_runs_on_virtual_time() {
        let runtime = SimRuntime::new(Arc::new(ProcessEvents::default()));
        let ends = Arc::new(Mutex::new(Vec::new()));
        let (outside, seen) = (runtime.clone(), Arc::clone(&ends));
        let outcome = Engine::new(Limits::default(), Random::new(1))
            .execute(0, async move {
                let sleeper = runtime.clone();
                let slept = runtime
                    .spawn(
                        "sleeper".into(),
                        Box::pin(async move { sleeper.sleep(Duration::from_micros(1500)).await }),
                    )
                    .unwrap();
                let stuck =
                    runtime.spawn("stuck".into(), Box::pin(std::future::pending())).unwrap();
                let broken =
                    runtime.spawn("broken".into(), Box::pin(async { panic!("no") })).unwrap();
                let slept = slept.await;
                assert_eq!(runtime.now(), Duration::from_millis(2));
                stuck.abort();
                let (stuck, broken) = (stuck.await, broken.await);
                seen.lock().unwrap().extend([slept, stuck, broken]);
                assert_eq!(engine::now(), 2);
            })
            .unwrap();
        assert_eq!(*ends.lock().unwrap(), [TaskEnd::Finished, TaskEnd::Aborted, TaskEnd::Panicked]);
        assert_eq!(outcome.panics.len(), 1);
        let refused = outside.spawn("late".into(), Box::pin(async {}));
        assert_eq!(refused.unwrap_err(), HResult::MAPI_E_END_OF_SESSION);
    }

    /// Starts another task when it is dropped.
    struct Restarts(SimRuntime, Arc<Mutex<Vec<bool>>>);

    impl Drop for Restarts {
        fn drop(&mut self) {
            let Self(runtime, refused) = self;
            let started = runtime.spawn("again".into(), Box::pin(async {}));
            refused.lock().unwrap().push(started.is_err());
        }
    }

    #[test]
    fn nothing_is_started_while_the_rest_is_dropped() {
        let runtime = SimRuntime::new(Arc::new(ProcessEvents::default()));
        let refused = Arc::new(Mutex::new(Vec::new()));
        let last = Restarts(runtime, Arc::clone(&refused));
        let outcome = Engine::new(Limits::default(), Random::new(1)).execute(0, async move {
            let _last = last;
            std::future::pending::<()>().await;
        });
        assert!(matches!(outcome.unwrap().end, engine::End::Deadlock(_)));
        assert!(*refused.lock().unwrap() == [true]);
    }
}

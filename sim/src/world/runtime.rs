//! The runtime that the simulated world gives to provider code.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use mapi_sync::{BoxFuture, Events, HResult, Runtime, Shared, TaskHandle};

use super::run::Run;
use super::scenario::Fault;
use crate::engine::SimRuntime;

/// The engine's runtime, except that the search may refuse a task, and may drop one as far as the
/// limits allow it.
pub(super) struct WorldRuntime {
    run: Arc<Run>,
    engine: SimRuntime,
}

impl WorldRuntime {
    pub(super) fn new(run: &Arc<Run>, events: Arc<dyn Events>) -> Self {
        Self { run: Arc::clone(run), engine: SimRuntime::new(events).droppable(true) }
    }
}

impl Runtime for WorldRuntime {
    fn spawn(&self, name: Cow<'static, str>, task: BoxFuture) -> Result<TaskHandle, HResult> {
        if self.run.inject(Fault::TaskCreation) {
            return Err(HResult::E_OUTOFMEMORY);
        }
        self.engine.spawn(name, task)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture {
        self.engine.sleep(duration)
    }

    fn deadline(&self, duration: Duration) -> BoxFuture {
        self.engine.deadline(duration)
    }

    fn now(&self) -> Duration {
        self.engine.now()
    }

    fn events(&self) -> &Arc<dyn Events> {
        self.engine.events()
    }

    fn shared(&self, name: &'static str) -> Arc<dyn Shared> {
        self.engine.shared(name)
    }
}

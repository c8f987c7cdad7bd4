use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use mapi_sync::{BoxFuture, Events, HResult, Runtime, TaskHandle};

struct Wrapper(Arc<dyn Runtime>);

impl Runtime for Wrapper {
    fn spawn(&self, name: Cow<'static, str>, task: BoxFuture) -> Result<TaskHandle, HResult> {
        self.0.spawn(name, task)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture {
        self.0.sleep(duration)
    }

    fn now(&self) -> Duration {
        self.0.now()
    }

    fn events(&self) -> &Arc<dyn Events> {
        self.0.events()
    }
}

fn main() {}

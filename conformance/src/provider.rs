//! A provider that plays the script of a case, written once for every mount.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::channel::oneshot;
use futures::future;
use mapi_sync::{
    BoxFuture, Events, HResult, MapiSync, Runtime, Shared, SyncDone, SyncRequest, SyncSession,
    TaskHandle, async_trait,
};

use crate::case::{Case, End, Step};
use crate::panic_as_asked;

/// Plays the provider's part of a case.
#[derive(Debug)]
pub struct Scripted {
    script: Script,
    _held: Option<PanicsInDrop>,
}

impl Scripted {
    /// The provider of `case`.
    #[must_use]
    pub fn new(case: &Case) -> Self {
        Self {
            script: Script { steps: case.steps.clone(), end: case.end },
            _held: case.drop_panics.then(|| PanicsInDrop),
        }
    }
}

/// What each sync does.
#[derive(Clone, Debug)]
struct Script {
    steps: Vec<Step>,
    end: End,
}

impl Script {
    async fn report(&self, session: &SyncSession) {
        for step in &self.steps {
            match step {
                Step::Progress(text, index, max) => {
                    // Whatever the host answers, the sync goes on.
                    let _ = session.progress(*text, *index, *max).await;
                }
                Step::Error(code, text) => {
                    let _ = session.error(*code, text).await;
                }
                Step::Sleep(ms) => {
                    session.sleep(Duration::from_millis(u64::from(*ms))).await;
                }
            }
        }
    }

    async fn work(self, session: SyncSession) -> SyncDone {
        if !self.is_dropped() {
            self.report(&session).await;
        }
        match self.end {
            End::Done(status) => session.done(status).await,
            End::PanicsInDrop(status) => {
                let _held = PanicsInDrop;
                session.done(status).await
            }
            // Whoever runs this drops it here.
            End::Drops => std::future::pending().await,
            End::DropsAndPanics => {
                let _held = PanicsInDrop;
                std::future::pending().await
            }
            End::Panics | End::StartFails(_) | End::StartPanics | End::StartPanicsLate => {
                panic_as_asked()
            }
        }
    }

    fn is_dropped(&self) -> bool {
        matches!(self.end, End::Drops | End::DropsAndPanics)
    }
}

#[async_trait]
impl MapiSync for Scripted {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let script = self.script.clone();
        match script.end {
            End::StartFails(code) => return code,
            End::StartPanics => panic_as_asked(),
            End::StartPanicsLate => {
                let callback = request.query_callback().expect("a willing host");
                let _ = callback.progress(Some("so far"), 0, 1).await;
                panic_as_asked();
            }
            _ => {}
        }
        if !script.is_dropped() {
            return request.start(|session| script.work(session));
        }
        let (reached, when) = oneshot::channel::<()>();
        let runtime =
            Dropping { inner: Arc::clone(request.runtime()), when: Mutex::new(Some(when)) };
        request.with_runtime(Arc::new(runtime)).start(|session| async move {
            script.report(&session).await;
            // Somebody waits for this: the runtime below.
            let _ = reached.send(());
            script.work(session).await
        })
    }
}

/// A runtime that drops its first task on request.
struct Dropping {
    inner: Arc<dyn Runtime>,
    when: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Runtime for Dropping {
    fn spawn(&self, name: Cow<'static, str>, task: BoxFuture) -> Result<TaskHandle, HResult> {
        let when = self.when.lock().expect("no panic under this lock").take();
        self.inner.spawn(
            name,
            Box::pin(async move {
                match when {
                    Some(when) => drop(future::select(task, when).await),
                    None => task.await,
                }
            }),
        )
    }

    fn sleep(&self, duration: Duration) -> BoxFuture {
        self.inner.sleep(duration)
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn events(&self) -> &Arc<dyn Events> {
        self.inner.events()
    }

    fn shared(&self, name: &'static str) -> Arc<dyn Shared> {
        self.inner.shared(name)
    }
}

#[derive(Debug)]
struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic_as_asked();
    }
}

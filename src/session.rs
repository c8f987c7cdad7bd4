//! The safe side: a sync that ends in exactly one Done, by construction.
//!
//! [`SyncRequest::start`] checks the request, publishes the event and runs the work in the
//! background. The work holds a [`SyncSession`]. [`SyncSession::done`] consumes it; dropping it in
//! any other way, by a panic or because its future was dropped, sends Done with a failure. Calls
//! are made one after the other, and none after Done.

mod line;
mod owed;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use self::line::Line;
use self::owed::Owed;
use crate::event::OwnedEvent;
use crate::{BoxFuture, CancelSignal, HResult, RawEvent, Runtime, SyncFlags, SyncRequest};

impl SyncRequest {
    /// Starts a sync: runs `work` in the background on the request's runtime and returns `S_OK`.
    ///
    /// If anything that a sync needs is missing, the failure is returned, the work is never run,
    /// the callback is never called and no event is left in the out-pointer.
    ///
    /// ```
    /// use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
    ///
    /// struct Store;
    ///
    /// #[async_trait]
    /// impl MapiSync for Store {
    ///     async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
    ///         request.start(|session| async move {
    ///             session.progress(Some("Inbox"), 1, 1).await;
    ///             session.done(HResult::S_OK).await
    ///         })
    ///     }
    /// }
    /// ```
    pub fn start<Work, Running>(self, work: Work) -> HResult
    where
        Work: FnOnce(SyncSession) -> Running + Send + 'static,
        Running: Future<Output = SyncDone> + Send + 'static,
    {
        match self.try_start(work) {
            Ok(()) => HResult::S_OK,
            Err(code) => code,
        }
    }

    fn try_start<Work, Running>(self, work: Work) -> Result<(), HResult>
    where
        Work: FnOnce(SyncSession) -> Running + Send + 'static,
        Running: Future<Output = SyncDone> + Send + 'static,
    {
        let callback = self.query_callback()?;
        let events = Arc::clone(self.runtime().events());
        let event = OwnedEvent::create(&events)?;
        let private = event.duplicate()?;
        self.event_out().publish(event.raw()).ok()?;

        // From here on the handle is the host's, unless the start fails.
        let published = event.into_raw();
        let line = Arc::new(Line::new(callback, self.cancel().clone(), Arc::clone(self.runtime())));
        let reporter = Reporter { line: Arc::clone(&line) };
        let owed = Owed::new(Arc::clone(&line), published, private);
        let session = SyncSession { owed: Some(owed), reporter, flags: self.flags() };
        let task: BoxFuture = Box::pin(async move {
            session.reporter.line.commit();
            work(session).await;
        });
        let failure = match self.runtime().spawn("sync".into(), task) {
            Ok(task) => {
                task.detach();
                // A runtime that is shutting down may take a task only to drop it.
                if line.commit() {
                    return Ok(());
                }
                HResult::MAPI_E_END_OF_SESSION
            }
            Err(failure) => failure,
        };
        let _ = self.event_out().publish(RawEvent::NULL);
        let _ = events.close(published);
        Err(failure)
    }
}

/// A running sync, held by the work that does it.
///
/// Done twice does not compile:
///
/// ```compile_fail,E0382
/// # use mapi_sync::{HResult, SyncSession};
/// async fn twice(session: SyncSession) {
///     session.done(HResult::S_OK).await;
///     session.done(HResult::S_OK).await;
/// }
/// ```
#[must_use = "dropping a session ends its sync with a failure"]
pub struct SyncSession {
    owed: Option<Owed>,
    reporter: Reporter,
    flags: SyncFlags,
}

/// The proof that a sync has ended: only [`SyncSession::done`] makes one.
#[derive(Debug)]
pub struct SyncDone {
    answer: HResult,
}

impl SyncDone {
    /// What the host answered to Done; [`HResult::E_UNEXPECTED`] if it panicked.
    pub fn answer(&self) -> HResult {
        self.answer
    }
}

impl SyncSession {
    /// Tells the host the current step and position; see [`Reporter::progress`].
    pub async fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> HResult {
        self.reporter.progress(text, index, index_max).await
    }

    /// Tells the host of an error or a warning; see [`Reporter::error`].
    pub async fn error(&self, result: HResult, text: &str) -> HResult {
        self.reporter.error(result, text).await
    }

    /// Ends the sync: waits until the calls in flight have ended, calls Done, releases the callback
    /// and signals the event, in this order.
    ///
    /// A success after a failing [`error`](Self::error) is told to the host as
    /// [`MAPI_W_ERRORS_RETURNED`](HResult::MAPI_W_ERRORS_RETURNED), unless it is a warning that
    /// says the like.
    ///
    /// If this future is dropped, Done is delivered all the same.
    pub async fn done(mut self, status: HResult) -> SyncDone {
        let mut owed =
            self.owed.take().expect("a session owes its Done until this call, which consumes it");
        SyncDone { answer: owed.deliver(status).await }
    }

    /// A way to report that can be cloned and given to other tasks. It outlives the sync: what is
    /// reported through it after Done has begun is not sent.
    #[must_use]
    pub fn reporter(&self) -> Reporter {
        self.reporter.clone()
    }

    /// What the sync was asked to do.
    #[must_use]
    pub fn flags(&self) -> SyncFlags {
        self.flags
    }

    /// The signal to stop.
    #[must_use]
    pub fn cancel(&self) -> &CancelSignal {
        self.reporter.cancel()
    }

    /// The runtime that the sync runs on.
    #[must_use]
    pub fn runtime(&self) -> &Arc<dyn Runtime> {
        self.reporter.line.runtime()
    }

    /// Keeps `value` until Done has returned and the event is signalled, however the sync ends: a
    /// reference to the store, so that it is not released before.
    pub fn keep(&self, value: impl Send + 'static) {
        self.reporter.line.keep(Box::new(value));
    }

    /// Waits on the runtime's clock.
    pub async fn sleep(&self, duration: Duration) {
        self.runtime().sleep(duration).await;
    }
}

impl Drop for SyncSession {
    fn drop(&mut self) {
        if let Some(owed) = self.owed.take() {
            owed.abandon(if std::thread::panicking() {
                HResult::E_UNEXPECTED
            } else if self.cancel().is_requested() {
                HResult::MAPI_E_USER_CANCEL
            } else {
                HResult::MAPI_E_CANCEL
            });
        }
    }
}

impl fmt::Debug for SyncSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncSession")
            .field("flags", &self.flags)
            .field("cancel", self.cancel())
            .finish_non_exhaustive()
    }
}

/// Reports to the host on behalf of a sync. Cloning gives another way to the same host.
#[derive(Clone)]
pub struct Reporter {
    line: Arc<Line>,
}

impl Reporter {
    /// Updates the status: `text` is the current step, or `None` to update the position only;
    /// `index` is the position, `index_max` the position that means complete.
    ///
    /// Returns the host's answer; [`HResult::E_UNEXPECTED`] if the host panicked. The host is not
    /// called, and the answer is [`HResult::E_INVALIDARG`] for a position beyond its maximum;
    /// `S_OK` for one that another task has already passed by;
    /// [`HResult::MAPI_E_END_OF_SESSION`] once Done has begun.
    pub async fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> HResult {
        self.line.progress(text, index, index_max).await
    }

    /// Gives the host the details of an error or a warning.
    ///
    /// Returns the host's answer; [`HResult::E_UNEXPECTED`] if the host panicked. The host is not
    /// called, and the answer is [`HResult::E_INVALIDARG`] for `S_OK`;
    /// [`HResult::MAPI_E_END_OF_SESSION`] once Done has begun.
    pub async fn error(&self, result: HResult, text: &str) -> HResult {
        self.line.error(result, text).await
    }

    /// The signal to stop. The host's [`MAPI_W_CANCEL_MESSAGE`](HResult::MAPI_W_CANCEL_MESSAGE)
    /// gives it too.
    #[must_use]
    pub fn cancel(&self) -> &CancelSignal {
        self.line.cancel()
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter").field("cancel", self.cancel()).finish_non_exhaustive()
    }
}

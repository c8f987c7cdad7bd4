//! The session: a sync that ends in exactly one Done, by construction.
//!
//! [`SyncRequest::start`] checks the request, publishes the event and runs the work in the
//! background. The work holds a [`SyncSession`]. [`SyncSession::done`] consumes it; any other end
//! of the session, by a panic or because its future was dropped, sends Done with a failure. Calls
//! go out one after the other, and none goes out after Done. The status of a Done is settled when
//! it is sent, so it takes account of a cancel that was requested while it waited.

mod host_link;
mod pending_done;

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{self, Either};

use self::host_link::HostLink;
use self::pending_done::{Ending, PendingDone};
use crate::event::OwnedEvent;
use crate::{
    BoxFuture, CancelSignal, HResult, MapiSession, RawEvent, Runtime, SyncFlags, SyncRequest,
};

impl SyncRequest {
    /// Starts a sync: runs `work` in the background on the request's runtime and returns `S_OK`.
    ///
    /// If the request lacks something that a sync needs, this returns the failure: the work never
    /// runs, the callback is never called and the out-pointer holds no event.
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
        let runtime = Arc::clone(self.runtime());
        let link = Arc::new(HostLink::new(callback, self.cancel().clone(), runtime));
        let reporter = Reporter { link: Arc::clone(&link) };
        let pending = PendingDone::new(Arc::clone(&link), published, private);
        let session = SyncSession {
            pending: Some(pending),
            reporter,
            flags: self.flags(),
            mapi_session: self.session().cloned(),
        };
        let task: BoxFuture = Box::pin(async move {
            session.reporter.link.commit();
            work(session).await;
        });
        let failure = match self.runtime().spawn("sync".into(), task) {
            Ok(task) => {
                task.detach();
                // A runtime that is shutting down may take a task only to drop it.
                if link.commit() {
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
/// A session that is dropped sends Done with
/// [`MAPI_E_USER_CANCEL`](HResult::MAPI_E_USER_CANCEL) if a cancel was requested by then, with
/// [`E_UNEXPECTED`](HResult::E_UNEXPECTED) if a panic dropped it, and with
/// [`MAPI_E_CANCEL`](HResult::MAPI_E_CANCEL) otherwise.
#[must_use = "dropping a session ends its sync with a failure"]
pub struct SyncSession {
    /// `None` once Done was called.
    pending: Option<PendingDone>,
    reporter: Reporter,
    flags: SyncFlags,
    mapi_session: Option<MapiSession>,
}

/// The proof that a sync has ended: only [`SyncSession::done`] and
/// [`SyncSession::done_or_cancelled`] make one.
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
    /// Reports the current step and position to the host; see [`Reporter::progress`].
    pub async fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> HResult {
        self.reporter.progress(text, index, index_max).await
    }

    /// Reports an error or a warning to the host; see [`Reporter::error`].
    pub async fn error(&self, result: HResult, text: &str) -> HResult {
        self.reporter.error(result, text).await
    }

    /// Ends the sync: waits for the call in flight to end, calls Done, releases the callback and
    /// signals the event, in this order.
    ///
    /// The status that reaches the host is settled when the wait is over, by what was reported and
    /// requested until then:
    ///
    /// - After a failing [`error`](Self::error), a success becomes
    ///   [`MAPI_W_ERRORS_RETURNED`](HResult::MAPI_W_ERRORS_RETURNED), unless `status` is a warning
    ///   that says so itself.
    /// - After a cancel request, [`E_FAIL`](HResult::E_FAIL) and
    ///   [`MAPI_E_CANCEL`](HResult::MAPI_E_CANCEL) become
    ///   [`MAPI_E_USER_CANCEL`](HResult::MAPI_E_USER_CANCEL), unless a failing error was reported:
    ///   neither code says what went wrong, and the cancel does.
    /// - Any other status stays. A cancel does not undo work that is complete, and a code that says
    ///   what failed tells the host more than the cancel.
    ///
    /// So a cancel that arrives during the wait needs no care. One that made the work stop early
    /// does: report it with [`done_or_cancelled`](Self::done_or_cancelled), or pass
    /// `MAPI_E_USER_CANCEL`.
    ///
    /// Done is delivered even if this future is dropped.
    pub async fn done(self, status: HResult) -> SyncDone {
        self.end(Ending::Chosen(status)).await
    }

    /// Ends the sync as [`done`](Self::done) does, but with
    /// [`MAPI_E_USER_CANCEL`](HResult::MAPI_E_USER_CANCEL) instead of `status` if a cancel was
    /// requested before Done is called, be it during the wait for the call in flight.
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
    ///             for message in 1..=10 {
    ///                 if session.cancel().is_requested() {
    ///                     break;
    ///                 }
    ///                 session.progress(Some("Inbox"), message, 10).await;
    ///             }
    ///             session.done_or_cancelled(HResult::S_OK).await
    ///         })
    ///     }
    /// }
    /// ```
    pub async fn done_or_cancelled(self, status: HResult) -> SyncDone {
        self.end(Ending::UnlessCancelled(status)).await
    }

    async fn end(mut self, ending: Ending) -> SyncDone {
        let mut pending = self.pending.take().expect("only this call takes it, and consumes self");
        SyncDone { answer: pending.deliver(ending).await }
    }

    /// A handle for reports that can be cloned and given to other tasks. It may outlive the sync:
    /// a report after Done has begun is not sent.
    #[must_use]
    pub fn reporter(&self) -> Reporter {
        self.reporter.clone()
    }

    /// The flags of the request.
    #[must_use]
    pub fn flags(&self) -> SyncFlags {
        self.flags
    }

    /// The MAPI session of the request (`psesSync`), if the host gave one. A clone may outlive the
    /// sync.
    #[must_use]
    pub fn mapi_session(&self) -> Option<&MapiSession> {
        self.mapi_session.as_ref()
    }

    /// The signal to stop.
    #[must_use]
    pub fn cancel(&self) -> &CancelSignal {
        self.reporter.cancel()
    }

    /// The runtime that the sync runs on.
    #[must_use]
    pub fn runtime(&self) -> &Arc<dyn Runtime> {
        self.reporter.link.runtime()
    }

    /// Keeps `value` until Done has returned and the event is signalled, however the sync ends. Use
    /// it to hold a reference to the store until then.
    pub fn keep(&self, value: impl Send + 'static) {
        self.reporter.link.keep(Box::new(value));
    }

    /// Waits on the runtime's clock, at least for `duration`; see [`Runtime::sleep`].
    pub async fn sleep(&self, duration: Duration) {
        self.runtime().sleep(duration).await;
    }

    /// Awaits `work`, and drops it if it has not ended after `duration` on the runtime's clock.
    ///
    /// # Errors
    ///
    /// [`Elapsed`] if it has not.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
    ///
    /// struct Store;
    ///
    /// #[async_trait]
    /// impl MapiSync for Store {
    ///     async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
    ///         request.start(|session| async move {
    ///             let answer = session.sleep(Duration::from_millis(20)); // ask the server
    ///             let status = match session.timeout(Duration::from_secs(30), answer).await {
    ///                 Ok(()) => HResult::S_OK,
    ///                 Err(_elapsed) => HResult::MAPI_E_TIMEOUT,
    ///             };
    ///             session.done(status).await
    ///         })
    ///     }
    /// }
    /// ```
    pub async fn timeout<F: Future>(
        &self,
        duration: Duration,
        work: F,
    ) -> Result<F::Output, Elapsed> {
        let deadline = self.runtime().deadline(duration);
        match future::select(pin!(work), deadline).await {
            Either::Left((output, _)) => Ok(output),
            Either::Right(((), _)) => Err(Elapsed(())),
        }
    }
}

impl Drop for SyncSession {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take() {
            pending.abandon(if std::thread::panicking() {
                Ending::Chosen(HResult::E_UNEXPECTED)
            } else {
                Ending::OWED
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

/// Work did not end in time; see [`SyncSession::timeout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time is over")]
pub struct Elapsed(());

/// Reports to the host on behalf of a sync. A clone reports to the same host.
#[derive(Clone)]
pub struct Reporter {
    link: Arc<HostLink>,
}

impl Reporter {
    /// Updates the status: `text` is the current step, or `None` to update the position only;
    /// `index` is the position, `index_max` the position that means complete.
    ///
    /// Returns the host's answer, or [`HResult::E_UNEXPECTED`] if the host panicked.
    ///
    /// In three cases the host is not called: a position beyond its maximum returns
    /// [`HResult::E_INVALIDARG`], a position behind one that another task has reported returns
    /// `S_OK`, and any report after Done has begun returns [`HResult::MAPI_E_END_OF_SESSION`].
    pub async fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> HResult {
        self.link.progress(text, index, index_max).await
    }

    /// Gives the host the details of an error or a warning.
    ///
    /// Returns the host's answer, or [`HResult::E_UNEXPECTED`] if the host panicked.
    ///
    /// In two cases the host is not called: `S_OK` as the error returns [`HResult::E_INVALIDARG`],
    /// and any report after Done has begun returns [`HResult::MAPI_E_END_OF_SESSION`].
    pub async fn error(&self, result: HResult, text: &str) -> HResult {
        self.link.error(result, text).await
    }

    /// The signal to stop. The host's answer
    /// [`MAPI_W_CANCEL_MESSAGE`](HResult::MAPI_W_CANCEL_MESSAGE) requests it too.
    #[must_use]
    pub fn cancel(&self) -> &CancelSignal {
        self.link.cancel()
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter").field("cancel", self.cancel()).finish_non_exhaustive()
    }
}

/// Awaits a call to the host and returns its answer, or [`HResult::E_UNEXPECTED`] if it panics.
///
/// A session makes every call this way, so a host that panics still gets its Done. A provider on
/// the raw interface can do the same.
///
/// ```
/// use mapi_sync::{HResult, catch_panic};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(catch_panic(async { HResult::S_FALSE }).await, HResult::S_FALSE);
/// assert_eq!(catch_panic(async { panic!("as planned") }).await, HResult::E_UNEXPECTED);
/// # }
/// ```
pub async fn catch_panic(call: impl Future<Output = HResult>) -> HResult {
    AssertUnwindSafe(call).catch_unwind().await.unwrap_or(HResult::E_UNEXPECTED)
}

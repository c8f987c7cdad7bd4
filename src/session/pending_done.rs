//! The Done that a sync still has to send, and its delivery on every path.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use super::catch_panic;
use super::host_link::{Host, HostLink, Kept};
use crate::{BoxFuture, CallbackRef, CancelSignal, HResult, OwnedEvent, RawEvent};

/// One Done. Dropping it delivers it by whatever means are left.
pub(super) struct PendingDone {
    link: Arc<HostLink>,
    ending: Ending,
    stage: Stage,
}

/// How a sync ends. It becomes a status at the moment when Done is called, and not before: a cancel
/// may be requested, and an Error may fail, while Done waits for the call in flight.
#[derive(Clone, Copy)]
pub(super) enum Ending {
    /// With this status, unless the cancel says more than it does.
    Chosen(HResult),
    /// With this status, unless a cancel was requested.
    UnlessCancelled(HResult),
}

impl Ending {
    /// The end of a session that was dropped.
    pub(super) const OWED: Self = Self::UnlessCancelled(HResult::MAPI_E_CANCEL);

    /// The status to send now. `failing_error` says whether a failing Error was reported.
    fn status(self, cancel: &CancelSignal, failing_error: bool) -> HResult {
        let (status, yields_to_cancel) = match self {
            Self::Chosen(status) => {
                let is_vague = matches!(status, HResult::E_FAIL | HResult::MAPI_E_CANCEL);
                (status, is_vague && !failing_error)
            }
            Self::UnlessCancelled(status) => (status, true),
        };
        if yields_to_cancel && cancel.is_requested() {
            return HResult::MAPI_E_USER_CANCEL;
        }
        let admits_errors =
            matches!(status, HResult::MAPI_W_ERRORS_RETURNED | HResult::MAPI_W_PARTIAL_COMPLETION);
        let hides_errors = failing_error && status.is_success() && !admits_errors;
        if hides_errors { HResult::MAPI_W_ERRORS_RETURNED } else { status }
    }
}

enum Stage {
    /// Done has not begun.
    Unsent { event: RawEvent, private: Signal },
    /// Done has begun.
    Sent(Exclusive),
    /// Done has ended, or no Done may follow.
    Settled,
}

/// A future that only its owner polls, so a shared reference to it does no harm.
struct Exclusive(Mutex<BoxFuture<HResult>>);

impl Future for Exclusive {
    type Output = HResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<HResult> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(cx)
    }
}

/// The private duplicate. Its drop signals the event, after everything else.
struct Signal(Option<OwnedEvent>);

impl Signal {
    /// Closes the duplicate without signalling the event.
    fn defuse(&mut self) {
        self.0 = None;
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        if let Some(private) = &self.0 {
            // If the kernel refuses, there is nobody left to report it to.
            let _ = private.set();
        }
    }
}

impl PendingDone {
    pub(super) fn new(link: Arc<HostLink>, event: RawEvent, private: OwnedEvent) -> Self {
        Self {
            link,
            ending: Ending::OWED,
            stage: Stage::Unsent { event, private: Signal(Some(private)) },
        }
    }

    /// Calls Done and waits for its end. Returns the host's answer.
    pub(super) async fn deliver(&mut self, ending: Ending) -> HResult {
        self.ending = ending;
        let link = Arc::clone(&self.link);
        let mut host = link.close_and_acquire().await;
        self.send(&mut host);
        drop(host);
        let Stage::Sent(call) = &mut self.stage else { return HResult::E_UNEXPECTED };
        let answer = call.await;
        self.stage = Stage::Settled;
        answer
    }

    /// Delivers Done without waiting for it.
    pub(super) fn abandon(mut self, ending: Ending) {
        self.ending = ending;
    }

    /// Begins Done: from here on, the call only needs to be polled. The caller polls it at once.
    fn send(&mut self, host: &mut Host) {
        if let Stage::Unsent { event, private } = std::mem::replace(&mut self.stage, Stage::Settled)
            && let Some((callback, failing_error)) = host.close()
        {
            let (ending, cancel) = (self.ending, self.link.cancel().clone());
            self.stage = Stage::Sent(Exclusive(Mutex::new(Box::pin(call_done(
                callback,
                event,
                move || ending.status(&cancel, failing_error),
                private,
                self.link.take_kept(),
            )))));
        }
    }
}

async fn call_done(
    callback: CallbackRef,
    event: RawEvent,
    status: impl FnOnce() -> HResult,
    private: Signal,
    kept: Kept,
) -> HResult {
    // Bound in this order: if this future is dropped, the callback is released before the event is
    // signalled, and the kept values go last.
    let _kept = kept;
    let _private = private;
    let callback = callback;
    catch_panic(async { callback.done(event, status()).await }).await
}

impl Drop for PendingDone {
    fn drop(&mut self) {
        if let Stage::Unsent { private, .. } = &mut self.stage {
            if self.link.abandon() {
                // The start failed: its caller closes the event, and nobody will wait for it.
                private.defuse();
                self.stage = Stage::Settled;
                return;
            }
            let link = Arc::clone(&self.link);
            match link.close_and_try_acquire() {
                Some(mut host) => self.send(&mut host),
                None => {
                    let stage = std::mem::replace(&mut self.stage, Stage::Settled);
                    link.defer(Self { link: Arc::clone(&link), ending: self.ending, stage });
                    return;
                }
            }
        }
        let Stage::Sent(mut call) = std::mem::replace(&mut self.stage, Stage::Settled) else {
            return;
        };
        // Most hosts answer at once. For the others a task finishes the call; if there is no task
        // to be had, the call is dropped where it stands.
        if Pin::new(&mut call).poll(&mut Context::from_waker(Waker::noop())) == Poll::Pending {
            let rest = Box::pin(async move {
                call.await;
            });
            if let Ok(task) = self.link.runtime().spawn("done".into(), rest) {
                task.detach();
            }
        }
    }
}

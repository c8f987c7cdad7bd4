//! The Done that a sync still has to send, and its delivery on every path.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use super::catch_panic;
use super::host_link::{Host, HostLink, Kept};
use crate::{BoxFuture, CallbackRef, HResult, OwnedEvent, RawEvent};

/// One Done. Dropping it delivers it by whatever means are left.
pub(super) struct PendingDone {
    link: Arc<HostLink>,
    status: HResult,
    stage: Stage,
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
            status: HResult::MAPI_E_CANCEL,
            stage: Stage::Unsent { event, private: Signal(Some(private)) },
        }
    }

    /// Calls Done and waits for its end. Returns the host's answer.
    pub(super) async fn deliver(&mut self, status: HResult) -> HResult {
        self.status = status;
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
    pub(super) fn abandon(mut self, status: HResult) {
        self.status = status;
    }

    /// Begins Done: from here on, the call only needs to be polled.
    fn send(&mut self, host: &mut Host) {
        if let Stage::Unsent { event, private } = std::mem::replace(&mut self.stage, Stage::Settled)
            && let Some((callback, status)) = host.close(self.status)
        {
            self.stage = Stage::Sent(Exclusive(Mutex::new(Box::pin(call_done(
                callback,
                event,
                status,
                private,
                self.link.take_kept(),
            )))));
        }
    }
}

async fn call_done(
    callback: CallbackRef,
    event: RawEvent,
    status: HResult,
    private: Signal,
    kept: Kept,
) -> HResult {
    // Bound in this order: if this future is dropped, the callback is released before the event is
    // signalled, and the kept values go last.
    let _kept = kept;
    let _private = private;
    let callback = callback;
    catch_panic(callback.done(event, status)).await
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
                    link.defer(Self { link: Arc::clone(&link), status: self.status, stage });
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

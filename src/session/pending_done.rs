//! The Done that a sync owes, and its delivery on every path.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use super::line::{Host, Kept, Line, survive};
use crate::{BoxFuture, CallbackRef, HResult, OwnedEvent, RawEvent};

/// One Done. Dropping it delivers it, with whatever is left of the world.
pub(super) struct Owed {
    line: Arc<Line>,
    status: HResult,
    stage: Stage,
}

enum Stage {
    /// Done has not begun.
    Unsent { event: RawEvent, private: Signal },
    /// Done has begun.
    Sent(Exclusive),
    /// Done has ended, or nothing is owed.
    Settled,
}

/// A future that is only ever polled by its owner, so that sharing a reference to it is harmless.
struct Exclusive(Mutex<BoxFuture<HResult>>);

impl Future for Exclusive {
    type Output = HResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<HResult> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(cx)
    }
}

/// The private duplicate: signals the event when it is dropped, after everything else.
struct Signal(Option<OwnedEvent>);

impl Signal {
    /// Closes the duplicate and leaves the event as it is.
    fn defuse(&mut self) {
        self.0 = None;
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        if let Some(private) = &self.0 {
            // There is nobody left to tell if the kernel refuses.
            let _ = private.set();
        }
    }
}

impl Owed {
    pub(super) fn new(line: Arc<Line>, event: RawEvent, private: OwnedEvent) -> Self {
        Self {
            line,
            status: HResult::MAPI_E_CANCEL,
            stage: Stage::Unsent { event, private: Signal(Some(private)) },
        }
    }

    /// Calls Done and sees it through. Returns the host's answer.
    pub(super) async fn deliver(&mut self, status: HResult) -> HResult {
        self.status = status;
        let line = Arc::clone(&self.line);
        let mut host = line.last_turn().await;
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

    /// Begins Done: from here on, the call needs nothing but to be polled.
    fn send(&mut self, host: &mut Host) {
        if let Stage::Unsent { event, private } = std::mem::replace(&mut self.stage, Stage::Settled)
            && let Some((callback, status)) = host.close(self.status)
        {
            self.stage = Stage::Sent(Exclusive(Mutex::new(Box::pin(call_done(
                callback,
                event,
                status,
                private,
                self.line.take_kept(),
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
    // Bound in this order so that, if this future is dropped, the callback is released before the
    // event is signalled, and what was kept goes last.
    let _kept = kept;
    let _private = private;
    let callback = callback;
    survive(callback.done(event, status)).await
}

impl Drop for Owed {
    fn drop(&mut self) {
        if let Stage::Unsent { private, .. } = &mut self.stage {
            if self.line.abandon() {
                // The start failed: its caller closes the event, which nobody will wait for.
                private.defuse();
                self.stage = Stage::Settled;
                return;
            }
            let line = Arc::clone(&self.line);
            match line.try_last_turn() {
                Some(mut host) => self.send(&mut host),
                None => {
                    let stage = std::mem::replace(&mut self.stage, Stage::Settled);
                    line.leave(Self { line: Arc::clone(&line), status: self.status, stage });
                    return;
                }
            }
        }
        let Stage::Sent(mut call) = std::mem::replace(&mut self.stage, Stage::Settled) else {
            return;
        };
        // Most hosts answer at once. The others need a task; without one, the call ends here, half
        // way.
        if Pin::new(&mut call).poll(&mut Context::from_waker(Waker::noop())) == Poll::Pending {
            let rest = Box::pin(async move {
                call.await;
            });
            if let Ok(task) = self.line.runtime().spawn("done".into(), rest) {
                task.detach();
            }
        }
    }
}

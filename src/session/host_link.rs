//! The link to the host: one call at a time, and none once Done has begun.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures_util::lock::{Mutex as CallLock, MutexGuard, MutexLockFuture};

use super::catch_panic;
use super::pending_done::PendingDone;
use crate::lock::lock;
use crate::{CallbackRef, CancelSignal, HResult, Runtime, Shared};

/// Values that live as long as a sync.
pub(super) type Kept = Vec<Box<dyn Any + Send>>;

pub(super) struct HostLink {
    host: CallLock<Host>,
    /// No further call may begin: Done has begun, or is about to.
    closing: AtomicBool,
    phase: AtomicU8,
    /// The Done of a session that was dropped while a call was in flight. The end of that call
    /// delivers it.
    deferred_done: Mutex<Option<PendingDone>>,
    /// Values that the work wants to outlive Done.
    kept: Mutex<Kept>,
    cancel: CancelSignal,
    runtime: Arc<dyn Runtime>,
    /// Tracks each use of all of the above, for a runtime that searches schedules.
    shared: Arc<dyn Shared>,
}

/// The start has not succeeded yet.
const STARTING: u8 = 0;
/// The start has succeeded, so a Done must follow.
const RUNNING: u8 = 1;
/// The start can no longer succeed, so no Done may follow.
const ABANDONED: u8 = 2;

/// The host, as this sync knows it. Only the holder of the lock may call it.
pub(super) struct Host {
    /// `None` once Done has begun.
    callback: Option<CallbackRef>,
    last: Option<(u32, u32)>,
    failing_error: bool,
}

impl Host {
    /// Takes the callback for Done, and whether a failing Error was reported.
    pub(super) fn close(&mut self) -> Option<(CallbackRef, bool)> {
        let failing_error = self.failing_error;
        self.callback.take().map(|callback| (callback, failing_error))
    }
}

impl HostLink {
    pub(super) fn new(
        callback: CallbackRef,
        cancel: CancelSignal,
        runtime: Arc<dyn Runtime>,
    ) -> Self {
        let shared = runtime.shared("link to the host");
        Self {
            shared,
            host: CallLock::new(Host {
                callback: Some(callback),
                last: None,
                failing_error: false,
            }),
            closing: AtomicBool::new(false),
            phase: AtomicU8::new(STARTING),
            deferred_done: Mutex::new(None),
            kept: Mutex::new(Kept::new()),
            cancel,
            runtime,
        }
    }

    pub(super) fn cancel(&self) -> &CancelSignal {
        &self.cancel
    }

    pub(super) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.runtime
    }

    /// Keeps `value` until the sync is over.
    pub(super) fn keep(&self, value: Box<dyn Any + Send>) {
        self.shared.write();
        lock(&self.kept).push(value);
    }

    /// Takes the kept values, for the call of Done to carry.
    pub(super) fn take_kept(&self) -> Kept {
        self.shared.write();
        std::mem::take(&mut *lock(&self.kept))
    }

    /// Makes the start a success unless it was abandoned. Returns whether it is a success.
    pub(super) fn commit(&self) -> bool {
        self.shared.write();
        let phase =
            self.phase.compare_exchange(STARTING, RUNNING, Ordering::AcqRel, Ordering::Acquire);
        phase.unwrap_or_else(|phase| phase) != ABANDONED
    }

    /// Makes the start a failure unless it has succeeded. Returns whether it is a failure, so that
    /// no Done may follow.
    pub(super) fn abandon(&self) -> bool {
        self.shared.write();
        let phase =
            self.phase.compare_exchange(STARTING, ABANDONED, Ordering::AcqRel, Ordering::Acquire);
        phase.unwrap_or_else(|phase| phase) != RUNNING
    }

    pub(super) async fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> HResult {
        if index > index_max {
            return HResult::E_INVALIDARG;
        }
        let Some(mut permit) = self.acquire().await else { return HResult::MAPI_E_END_OF_SESSION };
        let is_behind = |(last, max): (u32, u32)| {
            max == index_max && index < last && !(last == max && index == 0)
        };
        if permit.host().last.is_some_and(is_behind) {
            return HResult::S_OK;
        }
        permit.host().last = Some((index, index_max));
        let Some(callback) = &permit.host().callback else { return HResult::MAPI_E_END_OF_SESSION };
        let call = async { callback.progress(text, index, index_max).await };
        self.note_answer(catch_panic(call).await)
    }

    pub(super) async fn error(&self, result: HResult, text: &str) -> HResult {
        if result == HResult::S_OK {
            return HResult::E_INVALIDARG;
        }
        let Some(mut permit) = self.acquire().await else { return HResult::MAPI_E_END_OF_SESSION };
        permit.host().failing_error |= result.is_failure();
        let Some(callback) = &permit.host().callback else { return HResult::MAPI_E_END_OF_SESSION };
        let call = async { callback.error(result, Some(text)).await };
        self.note_answer(catch_panic(call).await)
    }

    /// Lets no more calls begin and waits for the one in flight.
    pub(super) async fn close_and_acquire(&self) -> MutexGuard<'_, Host> {
        self.shared.write();
        self.closing.store(true, Ordering::Release);
        self.lock_host().await
    }

    /// Lets no more calls begin; returns the host if no call is in flight.
    pub(super) fn close_and_try_acquire(&self) -> Option<MutexGuard<'_, Host>> {
        self.shared.write();
        self.closing.store(true, Ordering::Release);
        self.host.try_lock()
    }

    fn lock_host(&self) -> LockHost<'_> {
        LockHost { lock: self.host.lock(), shared: &*self.shared }
    }

    /// Leaves a Done to the end of the call in flight.
    pub(super) fn defer(&self, done: PendingDone) {
        self.shared.write();
        *lock(&self.deferred_done) = Some(done);
        // The call may have ended in between, and missed the deferred Done.
        if self.host.try_lock().is_some() {
            self.deliver_deferred();
        }
    }

    fn deliver_deferred(&self) {
        // The lock is released before the Done runs.
        let done = lock(&self.deferred_done).take();
        drop(done);
    }

    /// Waits for the permit to call the host; `None` once Done has begun or is about to.
    async fn acquire(&self) -> Option<CallPermit<'_>> {
        self.shared.read();
        if self.closing.load(Ordering::Acquire) {
            return None;
        }
        let permit = CallPermit { link: self, host: Some(self.lock_host().await) };
        // A Done may have closed the link during the wait; this call must not precede it. That Done
        // may have found the host locked by this very permit, so its drop is to deliver it.
        (!self.closing.load(Ordering::Acquire)).then_some(permit)
    }

    /// Requests a cancel if the host's answer asks for one.
    fn note_answer(&self, answer: HResult) -> HResult {
        if answer == HResult::MAPI_W_CANCEL_MESSAGE {
            self.cancel.request();
        }
        answer
    }
}

/// Waits for the lock, and reports each poll as a use of it.
struct LockHost<'a> {
    lock: MutexLockFuture<'a, Host>,
    shared: &'a dyn Shared,
}

impl<'a> Future for LockHost<'a> {
    type Output = MutexGuard<'a, Host>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.shared.write();
        Pin::new(&mut self.lock).poll(cx)
    }
}

impl Drop for LockHost<'_> {
    fn drop(&mut self) {
        // A wait that is dropped may wake the next one.
        self.shared.write();
    }
}

/// The permit to call the host. Its drop delivers a Done that was deferred meanwhile.
struct CallPermit<'a> {
    link: &'a HostLink,
    /// `None` only during the drop.
    host: Option<MutexGuard<'a, Host>>,
}

impl CallPermit<'_> {
    fn host(&mut self) -> &mut Host {
        self.host.as_mut().expect("held until the drop")
    }
}

impl Drop for CallPermit<'_> {
    fn drop(&mut self) {
        self.link.shared.write();
        self.host = None;
        self.link.deliver_deferred();
    }
}

//! The line to the host: one call at a time, and none once Done has begun.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::lock::{Mutex as CallLock, MutexGuard, MutexLockFuture};

use super::owed::Owed;
use crate::event::lock;
use crate::{CallbackRef, CancelSignal, HResult, Runtime, Shared};

/// Values that live as long as a sync.
pub(super) type Kept = Vec<Box<dyn Any + Send>>;

pub(super) struct Line {
    host: CallLock<Host>,
    /// No call may begin any more: Done has begun, or is about to.
    closing: AtomicBool,
    phase: AtomicU8,
    /// A Done that was owed when its owner went while a call was in flight: the end of that call
    /// delivers it.
    orphan: Mutex<Option<Owed>>,
    /// What the work wants to outlive Done.
    kept: Mutex<Kept>,
    cancel: CancelSignal,
    runtime: Arc<dyn Runtime>,
    /// All of the above, for a runtime that wants to know who uses it: each use is a part in an
    /// order that can be seen.
    shared: Arc<dyn Shared>,
}

/// The start has not succeeded yet.
const STARTING: u8 = 0;
/// The start has succeeded, so that Done is owed.
const RUNNING: u8 = 1;
/// The start cannot succeed any more, so that nothing is owed.
const ABANDONED: u8 = 2;

/// What is known of the host; whoever holds the lock is the one that calls it.
pub(super) struct Host {
    /// `None` once Done has begun.
    callback: Option<CallbackRef>,
    last: Option<(u32, u32)>,
    failing_error: bool,
}

impl Host {
    /// Takes the callback for Done, with the status as it will be told.
    pub(super) fn close(&mut self, status: HResult) -> Option<(CallbackRef, HResult)> {
        let admits =
            matches!(status, HResult::MAPI_W_ERRORS_RETURNED | HResult::MAPI_W_PARTIAL_COMPLETION);
        let hides_errors = self.failing_error && status.is_success() && !admits;
        let status = if hides_errors { HResult::MAPI_W_ERRORS_RETURNED } else { status };
        self.callback.take().map(|callback| (callback, status))
    }
}

impl Line {
    pub(super) fn new(
        callback: CallbackRef,
        cancel: CancelSignal,
        runtime: Arc<dyn Runtime>,
    ) -> Self {
        let shared = runtime.shared("line to the host");
        Self {
            shared,
            host: CallLock::new(Host {
                callback: Some(callback),
                last: None,
                failing_error: false,
            }),
            closing: AtomicBool::new(false),
            phase: AtomicU8::new(STARTING),
            orphan: Mutex::new(None),
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

    /// What was kept, for the call of Done to carry.
    pub(super) fn take_kept(&self) -> Kept {
        self.shared.write();
        std::mem::take(&mut *lock(&self.kept))
    }

    /// Makes the start a success, unless it was abandoned before. Returns whether it is one.
    pub(super) fn commit(&self) -> bool {
        self.shared.write();
        let phase =
            self.phase.compare_exchange(STARTING, RUNNING, Ordering::AcqRel, Ordering::Acquire);
        phase.unwrap_or_else(|phase| phase) != ABANDONED
    }

    /// Gives the start up, unless it is a success. Returns whether nothing is owed.
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
        let Some(mut turn) = self.turn().await else { return HResult::MAPI_E_END_OF_SESSION };
        let passed_by = |(last, max): (u32, u32)| {
            max == index_max && index < last && !(last == max && index == 0)
        };
        if turn.host().last.is_some_and(passed_by) {
            return HResult::S_OK;
        }
        turn.host().last = Some((index, index_max));
        let Some(callback) = &turn.host().callback else { return HResult::MAPI_E_END_OF_SESSION };
        self.heard(survive(callback.progress(text, index, index_max)).await)
    }

    pub(super) async fn error(&self, result: HResult, text: &str) -> HResult {
        if result == HResult::S_OK {
            return HResult::E_INVALIDARG;
        }
        let Some(mut turn) = self.turn().await else { return HResult::MAPI_E_END_OF_SESSION };
        turn.host().failing_error |= result.is_failure();
        let Some(callback) = &turn.host().callback else { return HResult::MAPI_E_END_OF_SESSION };
        self.heard(survive(callback.error(result, Some(text))).await)
    }

    /// Lets no more calls begin and waits for the one in flight.
    pub(super) async fn last_turn(&self) -> MutexGuard<'_, Host> {
        self.shared.write();
        self.closing.store(true, Ordering::Release);
        self.lock_host().await
    }

    /// Lets no more calls begin; returns the host if no call is in flight.
    pub(super) fn try_last_turn(&self) -> Option<MutexGuard<'_, Host>> {
        self.shared.write();
        self.closing.store(true, Ordering::Release);
        self.host.try_lock()
    }

    fn lock_host(&self) -> LockHost<'_> {
        LockHost { lock: self.host.lock(), shared: &*self.shared }
    }

    /// Leaves a Done to the end of the call in flight.
    pub(super) fn leave(&self, owed: Owed) {
        self.shared.write();
        *lock(&self.orphan) = Some(owed);
        // The call may have ended in between, without seeing what was left.
        if self.host.try_lock().is_some() {
            self.deliver_orphan();
        }
    }

    fn deliver_orphan(&self) {
        // The lock is released before the Done runs.
        let orphan = lock(&self.orphan).take();
        drop(orphan);
    }

    async fn turn(&self) -> Option<Turn<'_>> {
        self.shared.read();
        if self.closing.load(Ordering::Acquire) {
            return None;
        }
        let host = self.lock_host().await;
        // Without a look after the wait, a report could go out ahead of a Done that waits longer.
        if self.closing.load(Ordering::Acquire) {
            return None;
        }
        Some(Turn { line: self, host: Some(host) })
    }

    fn heard(&self, answer: HResult) -> HResult {
        if answer == HResult::MAPI_W_CANCEL_MESSAGE {
            self.cancel.request();
        }
        answer
    }
}

/// Waits for the lock, in a way that can be followed.
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
        // One that is given up may wake the next.
        self.shared.write();
    }
}

/// The right to call the host, until it is dropped.
struct Turn<'a> {
    line: &'a Line,
    /// `None` only while this is dropped.
    host: Option<MutexGuard<'a, Host>>,
}

impl Turn<'_> {
    fn host(&mut self) -> &mut Host {
        self.host.as_mut().expect("held until the drop")
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.line.shared.write();
        self.host = None;
        self.line.deliver_orphan();
    }
}

/// The host's answer, or `E_UNEXPECTED` if it panics: a host that fails must not cost the Done.
pub(super) async fn survive(call: impl Future<Output = HResult>) -> HResult {
    AssertUnwindSafe(call).catch_unwind().await.unwrap_or(HResult::E_UNEXPECTED)
}

//! Calls of foreign methods, and the references behind them.

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use windows_core::{HRESULT, Interface};

use super::utf16::WideText;
use super::{Held, IMAPISyncProgressCallback};
use crate::com::guard;
use crate::{HResult, RawEvent};

impl IMAPISyncProgressCallback {
    pub(crate) fn call_progress(&self, text: Option<&str>, index: u32, max: u32) -> HRESULT {
        let mut wide = WideText::new();
        let text = wide.set(text);
        let progress = Interface::vtable(self).Progress;
        // SAFETY: the object is alive while we hold our reference; the text is NULL or terminated,
        // and valid for the call ("IMAPISyncProgressCallback::Progress").
        unsafe { progress(self.as_raw(), text, index, max) }
    }

    pub(crate) fn call_error(&self, result: HResult, text: Option<&str>) -> HRESULT {
        let mut wide = WideText::new();
        let text = wide.set(text);
        let error = Interface::vtable(self).Error;
        // SAFETY: as for Progress ("IMAPISyncProgressCallback::Error").
        unsafe { error(self.as_raw(), HRESULT(result.as_i32()), text) }
    }

    pub(crate) fn call_done(&self, event: RawEvent, status: HResult) -> HRESULT {
        let done = Interface::vtable(self).Done;
        let handle = ptr::without_provenance_mut(event.value());
        // SAFETY: the object is alive while we hold our reference; the handle is a value of the
        // kernel's, never a pointer ("IMAPISyncProgressCallback::Done").
        unsafe { done(self.as_raw(), handle, HRESULT(status.as_i32())) }
    }
}

/// A reference to the host's callback object, behind a gate. Calls go through until the gate is
/// closed; the object is released once the gate is closed and no call is in flight.
///
/// The release does not wait until this value is freed, because a thread that an exception has
/// stopped keeps the value for ever.
pub(crate) struct Gate {
    /// Owned; NULL before it is connected, and once released.
    callback: AtomicPtr<c_void>,
    /// Twice the number of calls in flight, plus one once no further call may begin.
    calls: AtomicUsize,
}

const CLOSED: usize = 1;
const ONE_CALL: usize = 2;

impl Gate {
    /// A gate to nothing. No call goes through before it is [connected](Self::connect).
    pub(crate) fn new() -> Self {
        Self { callback: AtomicPtr::new(ptr::null_mut()), calls: AtomicUsize::new(0) }
    }

    /// Connects the gate, once and before the first call.
    pub(crate) fn connect(&self, callback: IMAPISyncProgressCallback) {
        self.callback.store(callback.into_raw(), Ordering::Release);
    }

    /// Whether a call is in flight.
    pub(crate) fn is_busy(&self) -> bool {
        self.calls.load(Ordering::Acquire) & !CLOSED != 0
    }

    /// Makes a call; `None` when the gate is closed. If an exception leaves the call, the call
    /// counts as ended, `rescue` runs, and this thread stops for ever. `rescue` gets the name of
    /// the method if it was not the one of the call, but the Release that may follow it.
    pub(crate) fn call(
        &self,
        invoke: impl FnOnce(&IMAPISyncProgressCallback) -> HRESULT,
        rescue: impl Fn(Option<&'static str>) -> bool,
    ) -> Option<HResult> {
        self.begin(&rescue).then(|| self.begun(invoke, rescue))
    }

    /// Closes the gate and then makes one last call, unless an earlier call makes it unnecessary:
    /// `wanted` decides that when no further call can begin.
    pub(crate) fn last_call(
        &self,
        wanted: impl FnOnce() -> bool,
        invoke: impl FnOnce(&IMAPISyncProgressCallback) -> HRESULT,
        rescue: impl Fn(Option<&'static str>) -> bool,
    ) -> Option<HResult> {
        if !self.begin(&rescue) {
            return None;
        }
        self.calls.fetch_or(CLOSED, Ordering::AcqRel);
        if wanted() {
            return Some(self.begun(invoke, rescue));
        }
        self.end(&rescue);
        None
    }

    /// Enters a call; false when the gate is closed.
    fn begin(&self, rescue: &impl Fn(Option<&'static str>) -> bool) -> bool {
        let allowed = self.calls.fetch_add(ONE_CALL, Ordering::AcqRel) & CLOSED == 0;
        if !allowed {
            self.end(rescue);
        }
        allowed
    }

    /// Makes a call that [`begin`](Self::begin) allowed, and ends it.
    fn begun(
        &self,
        invoke: impl FnOnce(&IMAPISyncProgressCallback) -> HRESULT,
        rescue: impl Fn(Option<&'static str>) -> bool,
    ) -> HResult {
        let raw = self.callback.load(Ordering::Acquire);
        // SAFETY: owned since `connect`, which comes before the first call, and not released while
        // a call is in flight. It stays owned by `self`.
        let callback = ManuallyDrop::new(unsafe { IMAPISyncProgressCallback::from_raw(raw) });
        let answer = guard::call(
            || invoke(&callback),
            || {
                self.calls.fetch_sub(ONE_CALL, Ordering::AcqRel);
                // Release may throw too, so it is left to the other thread, if there is one.
                if !rescue(None) && self.calls.load(Ordering::Acquire) == CLOSED {
                    self.release(&rescue);
                }
            },
        );
        self.end(&rescue);
        HResult::from_i32(answer.0)
    }

    /// Refuses all further calls, and releases the host's object once none is in flight.
    pub(crate) fn close(&self, rescue: impl Fn(Option<&'static str>) -> bool) {
        if self.calls.fetch_or(CLOSED, Ordering::AcqRel) & !CLOSED == 0 {
            self.release(rescue);
        }
    }

    fn end(&self, rescue: impl Fn(Option<&'static str>) -> bool) {
        if self.calls.fetch_sub(ONE_CALL, Ordering::AcqRel) == ONE_CALL + CLOSED {
            self.release(rescue);
        }
    }

    /// Releases the object, once. Called by everybody who sees that no call is in flight and none
    /// can begin.
    fn release(&self, rescue: impl Fn(Option<&'static str>) -> bool) {
        let raw = self.callback.swap(ptr::null_mut(), Ordering::AcqRel);
        if !raw.is_null() {
            // SAFETY: owned since `connect`, and taken out here, so this is the only release.
            let callback = unsafe { IMAPISyncProgressCallback::from_raw(raw) };
            Held::new(callback.into()).release(|| _ = rescue(Some(Held::RELEASE)));
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.release(|_| false);
    }
}

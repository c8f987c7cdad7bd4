//! Calls of foreign methods, and the references behind them.

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use windows_core::{HRESULT, IUnknown, Interface};

use super::IMAPISyncProgressCallback;
use super::utf16::WideText;
use crate::com::guard;
use crate::{HResult, RawEvent};

/// Asks an object for an interface.
///
/// # Errors
///
/// The failure of QueryInterface; [`HResult::E_NOINTERFACE`] also if it answered success and left
/// NULL.
pub(crate) fn query<I: Interface>(unknown: &IUnknown) -> Result<I, HResult> {
    let mut found = ptr::null_mut();
    // SAFETY: `found` is valid for the write, and the IID is that of the type below. A COM object
    // answers any IID.
    let answer = unsafe { unknown.query(&I::IID, &mut found) };
    HResult::from_i32(answer.0).ok()?;
    if found.is_null() {
        return Err(HResult::E_NOINTERFACE);
    }
    // SAFETY: QueryInterface answered with a reference to this interface.
    Ok(unsafe { I::from_raw(found) })
}

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
    /// Owned; NULL once released.
    callback: AtomicPtr<c_void>,
    /// Twice the number of calls in flight, plus one once no further call may begin.
    calls: AtomicUsize,
}

const CLOSED: usize = 1;
const ONE_CALL: usize = 2;

impl Gate {
    pub(crate) fn new(callback: IMAPISyncProgressCallback) -> Self {
        Self { callback: AtomicPtr::new(callback.into_raw()), calls: AtomicUsize::new(0) }
    }

    /// Makes a call; `None` when the gate is closed. If an exception leaves the call, the call
    /// counts as ended, `rescue` runs, and this thread stops for ever.
    pub(crate) fn call(
        &self,
        invoke: impl FnOnce(&IMAPISyncProgressCallback) -> HRESULT,
        rescue: impl FnOnce(),
    ) -> Option<HResult> {
        self.begin().then(|| self.begun(invoke, rescue))
    }

    /// Closes the gate and then makes one last call, unless an earlier call makes it unnecessary:
    /// `wanted` decides that when no further call can begin.
    pub(crate) fn last_call(
        &self,
        wanted: impl FnOnce() -> bool,
        invoke: impl FnOnce(&IMAPISyncProgressCallback) -> HRESULT,
        rescue: impl FnOnce(),
    ) -> Option<HResult> {
        if !self.begin() {
            return None;
        }
        self.calls.fetch_or(CLOSED, Ordering::AcqRel);
        if wanted() {
            return Some(self.begun(invoke, rescue));
        }
        self.end();
        None
    }

    /// Enters a call; false when the gate is closed.
    fn begin(&self) -> bool {
        let allowed = self.calls.fetch_add(ONE_CALL, Ordering::AcqRel) & CLOSED == 0;
        if !allowed {
            self.end();
        }
        allowed
    }

    /// Makes a call that [`begin`](Self::begin) allowed, and ends it.
    fn begun(
        &self,
        invoke: impl FnOnce(&IMAPISyncProgressCallback) -> HRESULT,
        rescue: impl FnOnce(),
    ) -> HResult {
        let raw = self.callback.load(Ordering::Acquire);
        // SAFETY: owned since `new`, and not released while a call is in flight. It stays owned by
        // `self`.
        let callback = ManuallyDrop::new(unsafe { IMAPISyncProgressCallback::from_raw(raw) });
        let answer = guard::call(
            || invoke(&callback),
            || {
                self.end();
                rescue();
            },
        );
        self.end();
        HResult::from_i32(answer.0)
    }

    /// Refuses all further calls, and releases the host's object once none is in flight.
    pub(crate) fn close(&self) {
        if self.calls.fetch_or(CLOSED, Ordering::AcqRel) & !CLOSED == 0 {
            self.release();
        }
    }

    fn end(&self) {
        if self.calls.fetch_sub(ONE_CALL, Ordering::AcqRel) == ONE_CALL + CLOSED {
            self.release();
        }
    }

    /// Releases the object, once. Called by everybody who sees that no call is in flight and none
    /// can begin.
    fn release(&self) {
        let raw = self.callback.swap(ptr::null_mut(), Ordering::AcqRel);
        if !raw.is_null() {
            // SAFETY: owned since `new`, and taken out here, so this is the only release.
            drop(unsafe { IMAPISyncProgressCallback::from_raw(raw) });
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.release();
    }
}

//! A host's callback object, called through its vtable: `IMAPISyncProgressCallback` as a [`SyncProgressCallback`].

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use windows_core::{HRESULT, IUnknown, Interface};

use super::abi::IMAPISyncProgressCallback;
use super::guard;
use super::utf16::WideText;
use crate::{CallbackRef, HResult, RawEvent, SyncProgressCallback};

/// Asks a host's object for `IMAPISyncProgressCallback` and returns a reference to it.
///
/// Each call goes out on the thread that polls it, and its HRESULT comes back untouched. A C++ exception out of the host
/// cannot be caught in Rust: it parks the calling thread for good, so use [`Provider`](super::Provider), whose worker then
/// ends the sync from another thread, wherever the host is not yours.
///
/// # Errors
///
/// What QueryInterface answered; [`HResult::E_NOINTERFACE`] also where it answered success and left NULL.
pub fn query_callback(unknown: &IUnknown) -> Result<CallbackRef, HResult> {
    Outbound::query(unknown).map(|outbound| CallbackRef::new(Arc::new(outbound)))
}

/// What becomes of a sync when an exception leaves one of the host's methods.
pub(crate) trait Rescue: Send + Sync {
    /// Called on the thread that can no longer go on.
    fn rescue(&self);

    /// The last reference of the provider was given back, or a Done returned.
    fn changed(&self);
}

/// The host's callback object.
///
/// It is released early, when the provider has let go of it, and not only when the memory of this value is freed: a
/// thread that an exception stopped keeps that for ever.
pub(crate) struct Outbound {
    /// Owned; NULL once released.
    callback: AtomicPtr<c_void>,
    /// Twice the number of calls in flight, plus one once no further call may begin.
    calls: AtomicUsize,
    /// How many [`CallbackRef`]s there are.
    references: AtomicUsize,
    called: AtomicBool,
    done_begun: AtomicBool,
    done_returned: AtomicBool,
    rescue: OnceLock<Arc<dyn Rescue>>,
}

const CLOSED: usize = 1;
const ONE_CALL: usize = 2;

impl Outbound {
    pub(crate) fn query(unknown: &IUnknown) -> Result<Self, HResult> {
        let mut found = ptr::null_mut();
        // SAFETY: `found` is valid for the write, and the IID is that of the type below. A COM object answers any IID.
        let answer = unsafe { unknown.query(&IMAPISyncProgressCallback::IID, &mut found) };
        let answer = HResult::from_i32(answer.0);
        if answer.is_failure() {
            return Err(answer);
        }
        if found.is_null() {
            return Err(HResult::E_NOINTERFACE);
        }
        Ok(Self {
            callback: AtomicPtr::new(found),
            calls: AtomicUsize::new(0),
            references: AtomicUsize::new(0),
            called: AtomicBool::new(false),
            done_begun: AtomicBool::new(false),
            done_returned: AtomicBool::new(false),
            rescue: OnceLock::new(),
        })
    }

    /// Sets who finishes the sync if an exception leaves a call. Only the first one counts.
    pub(crate) fn set_rescue(&self, rescue: Arc<dyn Rescue>) {
        // A second one is dropped: the first is already relied on.
        let _ = self.rescue.set(rescue);
    }

    /// Whether anything was called yet.
    pub(crate) fn was_called(&self) -> bool {
        self.called.load(Ordering::Acquire)
    }

    /// Whether Done was called and has returned.
    pub(crate) fn has_done_returned(&self) -> bool {
        self.done_returned.load(Ordering::Acquire)
    }

    /// Whether the provider holds a reference.
    pub(crate) fn is_held(&self) -> bool {
        self.references.load(Ordering::Acquire) > 0
    }

    /// Refuses every further call, and releases the host's object as soon as none is in flight.
    pub(crate) fn close(&self) {
        if self.calls.fetch_or(CLOSED, Ordering::AcqRel) == 0 {
            self.release_callback();
        }
    }

    /// One last Done, if there was none. After it nothing goes out any more.
    pub(crate) fn finish(&self, event: RawEvent, status: HResult) {
        if self.begin() {
            self.calls.fetch_or(CLOSED, Ordering::AcqRel);
            if !self.done_begun.swap(true, Ordering::AcqRel) {
                // Nobody is left who could make use of the answer.
                let _ = self.begun(|callback| invoke_done(callback, event, status));
                self.done_returned.store(true, Ordering::Release);
            } else {
                self.end();
            }
        }
        self.close();
    }

    pub(crate) fn call_progress(&self, text: Option<&str>, index: u32, max: u32) -> HResult {
        let mut wide = WideText::new();
        let text = wide.set(text);
        self.call(|callback| {
            let progress = Interface::vtable(callback).Progress;
            // SAFETY: the object is alive while we hold our reference; the text is NULL or terminated, and valid for the
            // call ("IMAPISyncProgressCallback::Progress").
            unsafe { progress(callback.as_raw(), text, index, max) }
        })
    }

    pub(crate) fn call_error(&self, result: HResult, text: Option<&str>) -> HResult {
        let mut wide = WideText::new();
        let text = wide.set(text);
        self.call(|callback| {
            let error = Interface::vtable(callback).Error;
            // SAFETY: as for Progress ("IMAPISyncProgressCallback::Error").
            unsafe { error(callback.as_raw(), HRESULT(result.as_i32()), text) }
        })
    }

    pub(crate) fn call_done(&self, event: RawEvent, status: HResult) -> HResult {
        self.done_begun.store(true, Ordering::Release);
        let answer = self.call(|callback| invoke_done(callback, event, status));
        self.done_returned.store(true, Ordering::Release);
        if let Some(rescue) = self.rescue.get() {
            rescue.changed();
        }
        answer
    }

    fn call(&self, invoke: impl FnOnce(&IMAPISyncProgressCallback) -> HRESULT) -> HResult {
        if !self.begin() {
            return HResult::E_UNEXPECTED;
        }
        self.begun(invoke)
    }

    /// Makes a call that [`begin`](Self::begin) allowed, and ends it.
    fn begun(&self, invoke: impl FnOnce(&IMAPISyncProgressCallback) -> HRESULT) -> HResult {
        if !self.called.load(Ordering::Relaxed) {
            self.called.store(true, Ordering::Release);
        }
        let raw = self.callback.load(Ordering::Acquire);
        // SAFETY: owned since `query`, and not released while a call is in flight. It stays owned by `self`.
        let callback = ManuallyDrop::new(unsafe { IMAPISyncProgressCallback::from_raw(raw) });
        let answer = guard::call(
            || invoke(&callback),
            || {
                self.end();
                if let Some(rescue) = self.rescue.get() {
                    rescue.rescue();
                }
            },
        );
        self.end();
        HResult::from_i32(answer.0)
    }

    /// Enters a call; false when there shall be none any more.
    fn begin(&self) -> bool {
        let allowed = self.calls.fetch_add(ONE_CALL, Ordering::AcqRel) & CLOSED == 0;
        if !allowed {
            self.end();
        }
        allowed
    }

    fn end(&self) {
        if self.calls.fetch_sub(ONE_CALL, Ordering::AcqRel) == ONE_CALL + CLOSED {
            self.release_callback();
        }
    }

    /// Called when nothing is in flight and nothing can begin: by each who sees that, the first one releases.
    fn release_callback(&self) {
        let raw = self.callback.swap(ptr::null_mut(), Ordering::AcqRel);
        if !raw.is_null() {
            // SAFETY: owned since `query`, and taken out here, so this is the only release.
            drop(unsafe { IMAPISyncProgressCallback::from_raw(raw) });
        }
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        self.release_callback();
    }
}

fn invoke_done(callback: &IMAPISyncProgressCallback, event: RawEvent, status: HResult) -> HRESULT {
    let done = Interface::vtable(callback).Done;
    let handle = ptr::without_provenance_mut(event.value());
    // SAFETY: the object is alive while we hold our reference; the handle is a value of the kernel's, never a pointer
    // ("IMAPISyncProgressCallback::Done").
    unsafe { done(callback.as_raw(), handle, HRESULT(status.as_i32())) }
}

#[async_trait]
impl SyncProgressCallback for Outbound {
    async fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> HResult {
        self.call_progress(text, index, index_max)
    }

    async fn error(&self, result: HResult, text: Option<&str>) -> HResult {
        self.call_error(result, text)
    }

    async fn done(&self, event: RawEvent, status: HResult) -> HResult {
        self.call_done(event, status)
    }

    fn add_ref(&self) {
        self.references.fetch_add(1, Ordering::AcqRel);
    }

    fn release(&self) {
        if self.references.fetch_sub(1, Ordering::AcqRel) == 1 {
            // Whoever is done with a sync holds the host's object no longer than that.
            if self.has_done_returned() {
                self.close();
            }
            if let Some(rescue) = self.rescue.get() {
                rescue.changed();
            }
        }
    }
}

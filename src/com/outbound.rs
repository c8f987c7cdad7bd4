//! A host's callback object, called through its vtable: `IMAPISyncProgressCallback` as a
//! [`SyncProgressCallback`].

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use windows_core::{HRESULT, IUnknown};

use super::abi::{Gate, IMAPISyncProgressCallback, query};
use crate::{CallbackRef, HResult, RawEvent, SyncProgressCallback};

/// Asks a host's object for `IMAPISyncProgressCallback` and returns a reference to it.
///
/// Each call goes out on the thread that polls it, and its HRESULT comes back untouched. A C++
/// exception out of the host cannot be caught in Rust: it parks the calling thread for good, so use
/// [`Provider`](super::Provider), whose worker then ends the sync from another thread, wherever the
/// host is not yours.
///
/// # Errors
///
/// What QueryInterface answered; [`HResult::E_NOINTERFACE`] also where it answered success and left
/// NULL.
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

/// The host's callback object, and what was done with it.
pub(crate) struct Outbound {
    gate: Gate,
    /// How many [`CallbackRef`]s there are.
    references: AtomicUsize,
    called: AtomicBool,
    done_begun: AtomicBool,
    done_returned: AtomicBool,
    rescue: OnceLock<Arc<dyn Rescue>>,
}

impl Outbound {
    pub(crate) fn query(unknown: &IUnknown) -> Result<Self, HResult> {
        Ok(Self {
            gate: Gate::new(query(unknown)?),
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
        self.gate.close();
    }

    /// One last Done, if there was none. After it nothing goes out any more.
    pub(crate) fn finish(&self, event: RawEvent, status: HResult) {
        let answer = self.gate.last_call(
            || !self.done_begun.swap(true, Ordering::AcqRel),
            |callback| self.calls(callback).call_done(event, status),
            || self.rescue(),
        );
        // Nobody is left who could make use of the answer itself.
        if answer.is_some() {
            self.done_returned.store(true, Ordering::Release);
        }
        self.close();
    }

    fn call(&self, invoke: impl FnOnce(&IMAPISyncProgressCallback) -> HRESULT) -> HResult {
        let answer = self.gate.call(|callback| invoke(self.calls(callback)), || self.rescue());
        answer.unwrap_or(HResult::E_UNEXPECTED)
    }

    /// Notes that there is a call.
    fn calls<'a>(&self, callback: &'a IMAPISyncProgressCallback) -> &'a IMAPISyncProgressCallback {
        if !self.called.load(Ordering::Relaxed) {
            self.called.store(true, Ordering::Release);
        }
        callback
    }

    fn rescue(&self) {
        if let Some(rescue) = self.rescue.get() {
            rescue.rescue();
        }
    }
}

#[async_trait]
impl SyncProgressCallback for Outbound {
    async fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> HResult {
        self.call(|callback| callback.call_progress(text, index, index_max))
    }

    async fn error(&self, result: HResult, text: Option<&str>) -> HResult {
        self.call(|callback| callback.call_error(result, text))
    }

    async fn done(&self, event: RawEvent, status: HResult) -> HResult {
        self.done_begun.store(true, Ordering::Release);
        let answer = self.call(|callback| callback.call_done(event, status));
        self.done_returned.store(true, Ordering::Release);
        if let Some(rescue) = self.rescue.get() {
            rescue.changed();
        }
        answer
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

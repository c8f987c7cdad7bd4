//! A host's callback object, called through its method table: `IMAPISyncProgressCallback` as a
//! [`SyncProgressCallback`].

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use windows_core::{HRESULT, IUnknown};

use super::abi::{Gate, IMAPISyncProgressCallback, query};
use crate::{CallbackRef, HResult, RawEvent, SyncProgressCallback};

/// Asks a host's object for `IMAPISyncProgressCallback` and returns a reference to it.
///
/// Each call goes out on the thread that polls it, and its HRESULT comes back unchanged. Rust
/// cannot catch a C++ exception out of the host: the exception parks the calling thread for good.
/// So for a host that is not yours use [`Provider`](super::Provider), whose worker then ends the
/// sync from another thread.
///
/// # Errors
///
/// The failure of QueryInterface; [`HResult::E_NOINTERFACE`] also if it answered success and left
/// NULL.
pub fn query_callback(unknown: &IUnknown) -> Result<CallbackRef, HResult> {
    Outbound::query(unknown).map(|outbound| CallbackRef::new(Arc::new(outbound)))
}

/// Ends a sync when an exception leaves one of the host's methods.
pub(crate) trait Rescue: Send + Sync {
    /// Called on the thread that cannot continue.
    fn rescue(&self);

    /// The last reference of the provider was given back, or a Done returned.
    fn changed(&self);
}

/// The host's callback object, and the record of its use.
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
        // The first one stays: the sync already relies on it.
        let _ = self.rescue.set(rescue);
    }

    /// Whether any call was made.
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

    /// Refuses all further calls, and releases the host's object once none is in flight.
    pub(crate) fn close(&self) {
        self.gate.close();
    }

    /// Calls Done if nobody has. No call goes out after it.
    pub(crate) fn finish(&self, event: RawEvent, status: HResult) {
        let answer = self.gate.last_call(
            || !self.done_begun.swap(true, Ordering::AcqRel),
            |callback| self.note_call(callback).call_done(event, status),
            || self.rescue(),
        );
        // Nobody is left to use the answer itself.
        if answer.is_some() {
            self.done_returned.store(true, Ordering::Release);
        }
        self.close();
    }

    fn call(&self, invoke: impl FnOnce(&IMAPISyncProgressCallback) -> HRESULT) -> HResult {
        let answer = self.gate.call(|callback| invoke(self.note_call(callback)), || self.rescue());
        answer.unwrap_or(HResult::E_UNEXPECTED)
    }

    /// Notes that a call was made.
    fn note_call<'a>(
        &self,
        callback: &'a IMAPISyncProgressCallback,
    ) -> &'a IMAPISyncProgressCallback {
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
            // After Done, the last reference also gives the host's object back.
            if self.has_done_returned() {
                self.close();
            }
            if let Some(rescue) = self.rescue.get() {
                rescue.changed();
            }
        }
    }
}

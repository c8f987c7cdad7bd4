//! A host's callback object, called through its method table: `IMAPISyncProgressCallback` as a
//! [`SyncProgressCallback`].

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use windows_core::{HRESULT, IUnknown};

use super::abi::{Borrowed, Gate, IMAPISyncProgressCallback};
use super::guard::Rescue;
use super::thread;
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
/// NULL, and [`HResult::E_UNEXPECTED`] if it threw.
pub fn query_callback(unknown: &IUnknown) -> Result<CallbackRef, HResult> {
    let unknown = Borrowed::of(unknown);
    let outbound = Outbound::unconnected();
    // This thread waits, so the reference of its caller lasts.
    outbound.gate.connect(thread::elsewhere(None, move || unknown.query())??);
    Ok(CallbackRef::new(Arc::new(outbound)))
}

/// The host's callback object, and the record of its use.
pub(crate) struct Outbound {
    gate: Gate,
    /// How many [`CallbackRef`]s there are.
    references: AtomicUsize,
    called: AtomicBool,
    /// Whether a call was made since the last [`take_sign_of_life`](Self::take_sign_of_life).
    has_called: AtomicBool,
    done_begun: AtomicBool,
    done_returned: AtomicBool,
    rescue: OnceLock<Arc<dyn Rescue>>,
}

impl Outbound {
    /// Without the host's object yet.
    pub(crate) fn unconnected() -> Self {
        Self {
            gate: Gate::new(),
            references: AtomicUsize::new(0),
            called: AtomicBool::new(false),
            has_called: AtomicBool::new(false),
            done_begun: AtomicBool::new(false),
            done_returned: AtomicBool::new(false),
            rescue: OnceLock::new(),
        }
    }

    /// Asks the host's object for its interface, once and before the first call.
    pub(crate) fn connect(&self, unknown: Borrowed) -> Result<(), HResult> {
        self.gate.connect(unknown.query()?);
        Ok(())
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

    /// Whether the host was called since this was last asked, or is being called.
    pub(crate) fn take_sign_of_life(&self) -> bool {
        self.has_called.swap(false, Ordering::AcqRel) || self.gate.is_busy()
    }

    /// Whether Done was called.
    pub(crate) fn has_done_begun(&self) -> bool {
        self.done_begun.load(Ordering::Acquire)
    }

    /// Whether Done was called and has returned.
    pub(crate) fn has_done_returned(&self) -> bool {
        self.done_returned.load(Ordering::Acquire)
    }

    /// How many references the provider holds.
    pub(crate) fn references(&self) -> usize {
        self.references.load(Ordering::Acquire)
    }

    /// Refuses all further calls, and releases the host's object once none is in flight.
    pub(crate) fn close(&self) {
        self.gate.close(|method| self.rescue(method.unwrap_or(DONE)));
    }

    /// Calls Done if nobody has. No call goes out after it.
    pub(crate) fn finish(&self, event: RawEvent, status: HResult) {
        let answer = self.gate.last_call(
            || !self.done_begun.swap(true, Ordering::AcqRel),
            |callback| self.note_call(callback).call_done(event, status),
            |method| self.rescue(method.unwrap_or(DONE)),
        );
        // Nobody is left to use the answer itself.
        if answer.is_some() {
            self.done_returned.store(true, Ordering::Release);
        }
        self.close();
    }

    fn call(
        &self,
        method: &'static str,
        invoke: impl FnOnce(&IMAPISyncProgressCallback) -> HRESULT,
    ) -> HResult {
        let invoke = |callback: &_| invoke(self.note_call(callback));
        let answer = self.gate.call(invoke, |other| self.rescue(other.unwrap_or(method)));
        answer.unwrap_or(HResult::E_UNEXPECTED)
    }

    /// Notes that a call was made.
    fn note_call<'a>(
        &self,
        callback: &'a IMAPISyncProgressCallback,
    ) -> &'a IMAPISyncProgressCallback {
        if !self.has_called.load(Ordering::Relaxed) {
            self.has_called.store(true, Ordering::Release);
            self.called.store(true, Ordering::Release);
        }
        callback
    }

    /// Returns whether there is a sync to rescue.
    fn rescue(&self, method: &'static str) -> bool {
        let rescue = self.rescue.get();
        if let Some(rescue) = rescue {
            rescue.rescue(method);
        }
        rescue.is_some()
    }
}

#[async_trait]
impl SyncProgressCallback for Outbound {
    async fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> HResult {
        self.call(PROGRESS, |callback| callback.call_progress(text, index, index_max))
    }

    async fn error(&self, result: HResult, text: Option<&str>) -> HResult {
        self.call(ERROR, |callback| callback.call_error(result, text))
    }

    async fn done(&self, event: RawEvent, status: HResult) -> HResult {
        self.done_begun.store(true, Ordering::Release);
        let answer = self.call(DONE, |callback| callback.call_done(event, status));
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

const PROGRESS: &str = "IMAPISyncProgressCallback::Progress";
const ERROR: &str = "IMAPISyncProgressCallback::Error";
const DONE: &str = "IMAPISyncProgressCallback::Done";

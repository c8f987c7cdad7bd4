//! The host's callback object: what a provider calls, and what may go wrong in it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};

use mapi_sync::contract::{Call, CallId};
use mapi_sync::{
    CallbackRef, CallbackUnknown, HResult, RawEvent, SyncProgressCallback, async_trait,
};

use super::host::{HostAccount, HostSync};
use super::mutant::Mutant;
use super::network::{pass, spend};
use super::run::{Count, Run};
use super::scenario::Fault;
use super::sites::CALLBACK;
use crate::lock::lock;

/// The object behind `punkCallBack`.
pub(super) struct HostUnknown {
    run: Arc<Run>,
    callback: Arc<HostCallback>,
}

impl HostUnknown {
    pub(super) fn new(run: &Arc<Run>, callback: &Arc<HostCallback>) -> Self {
        Self { run: Arc::clone(run), callback: Arc::clone(callback) }
    }
}

impl CallbackUnknown for HostUnknown {
    fn query_interface(&self) -> Result<CallbackRef, HResult> {
        if self.run.inject(Fault::QueryInterfaceRefused) {
            return Err(HResult::E_NOINTERFACE);
        }
        Ok(CallbackRef::new(Arc::clone(&self.callback) as Arc<dyn SyncProgressCallback>))
    }
}

/// One sync's callback.
pub(super) struct HostCallback {
    host: Arc<HostAccount>,
    sync: OnceLock<Weak<HostSync>>,
}

impl HostCallback {
    pub(super) fn new(host: &Arc<HostAccount>) -> Self {
        Self { host: Arc::clone(host), sync: OnceLock::new() }
    }

    pub(super) fn belongs_to(&self, sync: &Arc<HostSync>) {
        // It is called once, before the provider hears of the callback.
        let _ = self.sync.set(Arc::downgrade(sync));
    }

    fn sync(&self) -> Option<Arc<HostSync>> {
        self.sync.get().and_then(Weak::upgrade)
    }

    /// Counts a call that begins, in step with the monitor's numbers.
    fn begin(&self) -> Option<Arc<HostSync>> {
        let sync = self.sync()?;
        let number = sync.calls.fetch_add(1, Ordering::Relaxed);
        if number > 0 && self.host.run.is(Mutant::HostKeepsText) {
            // The dialog is drawn anew from the pointer that the last call gave.
            sync.watch.observe(Call::TextRead { call: CallId(number) });
        }
        Some(sync)
    }

    /// The time and the faults of a Progress or an Error, and its answer.
    async fn answer(&self, sync: Option<Arc<HostSync>>) -> HResult {
        let run = &self.host.run;
        let time = spend(CALLBACK, &run.scenario().host.callback);
        if time > 0 {
            pass(time).await;
        }
        if run.inject(Fault::CallbackPanic) {
            panic!("the host's callback panics, as the search decided");
        }
        if run.inject(Fault::CallbackFailure) {
            return HResult::E_FAIL;
        }
        match sync {
            Some(sync) if sync.asked.get() => {
                if !sync.cancel.is_requested() {
                    run.count(Count::Cancels);
                }
                HResult::MAPI_W_CANCEL_MESSAGE
            }
            _ => HResult::S_OK,
        }
    }
}

#[async_trait]
impl SyncProgressCallback for HostCallback {
    async fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> HResult {
        let sync = self.begin();
        lock(&self.host.dialog).progress(text, index, index_max);
        let reentrant = self.host.run.scenario().host.reentrant;
        if reentrant && !self.host.reentered.set(true) {
            self.host.start_beside().await;
        }
        self.answer(sync).await
    }

    async fn error(&self, result: HResult, text: Option<&str>) -> HResult {
        let sync = self.begin();
        self.host.run.count(Count::Errors);
        lock(&self.host.dialog).error(result, text);
        self.answer(sync).await
    }

    async fn done(&self, event: RawEvent, status: HResult) -> HResult {
        let run = &self.host.run;
        // A provider that drops this call has made it all the same: what the host must do, it does.
        let _arrival = self.begin().map(|sync| Arrival { host: &self.host, sync, event });
        run.count(Count::Done);
        lock(&self.host.dialog).done(status);
        let time = spend(CALLBACK, &run.scenario().host.callback);
        if time > 0 {
            pass(time).await;
        }
        self.host.start_next().await;
        HResult::S_OK
    }
}

/// A Done that is being taken in.
struct Arrival<'a> {
    host: &'a HostAccount,
    sync: Arc<HostSync>,
    event: RawEvent,
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        self.host.handle_arrived(&self.sync, self.event);
        self.sync.done.set();
    }
}

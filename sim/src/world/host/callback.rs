//! The host's callback object, with its faults.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};

use mapi_sync::contract::{Call, CallId};
use mapi_sync::{
    CallbackRef, CallbackUnknown, HResult, RawEvent, SyncProgressCallback, async_trait,
};

use super::{HostAccount, HostSync};
use crate::engine;
use crate::world::mutant::Mutant;
use crate::world::run::{Count, Run};
use crate::world::scenario::Fault;
use crate::world::sites::CALLBACK;
use crate::world::time::{choose_cost, sleep_ms};

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
        // It is called once, before the provider gets the callback.
        let _ = self.sync.set(Arc::downgrade(sync));
    }

    fn sync(&self) -> Option<Arc<HostSync>> {
        self.sync.get().and_then(Weak::upgrade)
    }

    /// Counts a call that begins, in step with the monitor's numbers.
    fn begin(&self) -> Option<Arc<HostSync>> {
        engine::progress();
        let sync = self.sync()?;
        let number = sync.calls.fetch_add(1, Ordering::Relaxed);
        if number > 0 && self.host.run.is(Mutant::HostKeepsText) {
            // The host draws its dialog again from the pointer of the last call.
            sync.watch.observe(Call::TextRead { call: CallId(number) });
        }
        Some(sync)
    }

    /// The time and the faults of a Progress or an Error, and its answer.
    async fn answer(&self, sync: Option<Arc<HostSync>>) -> HResult {
        let run = &self.host.run;
        let time = choose_cost(CALLBACK, &run.host().callback);
        if time > 0 {
            sleep_ms(time).await;
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
    async fn progress(&self, _text: Option<&str>, _index: u32, _index_max: u32) -> HResult {
        let sync = self.begin();
        self.host.run.count(Count::Progress);
        let reentrant = self.host.run.host().reentrant;
        if reentrant && !self.host.reentered.set(true) {
            self.host.start_detached().await;
        }
        self.answer(sync).await
    }

    async fn error(&self, _result: HResult, _text: Option<&str>) -> HResult {
        let sync = self.begin();
        self.host.run.count(Count::Errors);
        self.answer(sync).await
    }

    async fn done(&self, event: RawEvent, _status: HResult) -> HResult {
        let run = &self.host.run;
        // A provider that drops this call has made it all the same: the host still does its part.
        let _arrival = self.begin().map(|sync| Arrival { host: &self.host, sync, event });
        run.count(Count::Done);
        let time = choose_cost(CALLBACK, &run.host().callback);
        if time > 0 {
            sleep_ms(time).await;
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

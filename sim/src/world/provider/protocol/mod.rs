//! The provider that a scenario file describes step by step.

mod compile;
mod interpret;
mod program;
mod shared;

use std::sync::Arc;

use async_trait::async_trait;
use mapi_sync::{CancelSignal, HResult, MapiSync, ProviderShutdown, SyncRequest};

pub(crate) use self::compile::goals;
pub(in crate::world) use self::compile::{Refused, compile};
use self::interpret::{Flow, Worker};
use self::program::Block;
pub(in crate::world) use self::program::Script;
use self::shared::{Number, SyncRef};
use crate::engine::sync::Register;
use crate::world::run::{Run, StoreRef};

/// The provider of one account.
pub(in crate::world) struct ProtocolProvider {
    inner: Arc<Inner>,
    reference: StoreRef,
}

/// What all syncs of a store share.
struct Inner {
    run: Arc<Run>,
    account: usize,
    program: Arc<Script>,
    store: Vec<Number>,
    /// The syncs that `cancel` asks to stop, if there is a shutdown that may.
    running: Option<Register<Vec<(u32, CancelSignal)>>>,
    begun: Register<u32>,
}

impl ProtocolProvider {
    pub(in crate::world) fn new(run: &Arc<Run>, account: usize, program: &Arc<Script>) -> Self {
        let learns = program.shutdown.is_some();
        let inner = Inner {
            run: Arc::clone(run),
            account,
            program: Arc::clone(program),
            store: program.store.iter().map(Number::new).collect(),
            running: learns.then(|| Register::new("syncs to stop", Vec::new())),
            begun: Register::new("syncs begun", 0),
        };
        Self { inner: Arc::new(inner), reference: StoreRef::new(run, account) }
    }
}

#[async_trait]
impl MapiSync for ProtocolProvider {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let callback = match request.query_callback() {
            Ok(callback) => callback,
            Err(code) => return code,
        };
        let store = self.inner.program.keeps_store.then(|| self.reference.clone());
        let sync = SyncRef::new(&self.inner, request, callback, store);
        sync.promise();
        let mut worker = Worker::of_start(sync);
        match worker.run(&self.inner.program.start).await {
            Flow::Return(Some(code)) => code,
            _ => HResult::S_OK,
        }
    }

    fn shutdown(&self) -> Option<&dyn ProviderShutdown> {
        let learns = self.inner.program.shutdown.is_some();
        let can_be_told = self.inner.run.scenario().host.shutdown.is_fast();
        (learns && can_be_told).then_some(self as &dyn ProviderShutdown)
    }
}

impl ProtocolProvider {
    async fn handle(&self, which: usize) -> HResult {
        let Some(blocks) = &self.inner.program.shutdown else { return HResult::S_OK };
        let steps: &Block = &blocks[which];
        match Worker::of_shutdown(&self.inner).run(steps).await {
            Flow::Return(Some(code)) => code,
            _ => HResult::S_OK,
        }
    }
}

#[async_trait]
impl ProviderShutdown for ProtocolProvider {
    async fn query_fast_shutdown(&self) -> HResult {
        HResult::S_OK
    }

    async fn notify_process_shutdown(&self) -> HResult {
        self.handle(0).await
    }

    async fn do_fast_shutdown(&self) -> HResult {
        self.handle(1).await
    }

    async fn store_logoff(&self) -> HResult {
        self.handle(2).await
    }
}

impl Inner {
    /// Counts a sync as running until the value is dropped.
    fn begin(self: &Arc<Self>, cancel: &CancelSignal) -> Option<Ongoing> {
        let running = self.running.clone()?;
        let number = self.begun.update(|begun| {
            *begun += 1;
            *begun
        });
        running.update(|running| running.push((number, cancel.clone())));
        Some(Ongoing { running, number })
    }

    /// Asks all syncs that run to stop.
    fn cancel_all(&self) {
        let running = self.running.as_ref().map(Register::get).unwrap_or_default();
        running.iter().for_each(|(_, cancel)| cancel.request());
    }
}

/// A sync that has not ended.
struct Ongoing {
    running: Register<Vec<(u32, CancelSignal)>>,
    number: u32,
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        self.running.update(|running| running.retain(|(sync, _)| *sync != self.number));
    }
}

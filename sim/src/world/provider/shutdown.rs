//! How the simulated provider takes part in a shutdown: it stops its syncs, refuses new ones, and
//! lets the process exit once none runs any more.

use std::sync::Arc;

use async_trait::async_trait;
use mapi_sync::{CancelSignal, HResult, ProviderShutdown};

use crate::engine::sync::{Event, Register};
use crate::world::mutant::Mutant;
use crate::world::run::Run;

/// What the provider of one account knows of a shutdown.
pub(super) struct Shutdown {
    run: Arc<Run>,
    /// Whether the host has said that it ends.
    told: Register<bool>,
    /// Whether the process exits, for a provider that sends no Done then.
    exits: Register<bool>,
    running: Register<Vec<(u32, CancelSignal)>>,
    begun: Register<u32>,
    none_runs: Event,
}

impl Shutdown {
    /// For a host that may shut down fast. Another one has nobody to tell.
    pub(super) fn new(run: &Arc<Run>) -> Option<Arc<Self>> {
        run.scenario().host.shutdown.is_fast().then(|| {
            Arc::new(Self {
                run: Arc::clone(run),
                told: Register::new("notified of the end", false),
                exits: Register::new("process exits", false),
                running: Register::new("syncs to end", Vec::new()),
                begun: Register::new("syncs begun", 0),
                none_runs: Event::new("no sync runs"),
            })
        })
    }

    pub(super) fn is_told(&self) -> bool {
        self.told.get()
    }

    /// Whether no call may begin any more.
    pub(super) fn exits(&self) -> bool {
        self.exits.get()
    }

    /// Counts a sync as running until the value is dropped.
    pub(super) fn begin(self: &Arc<Self>, cancel: &CancelSignal) -> Ongoing {
        let number = self.begun.update(|begun| {
            *begun += 1;
            *begun
        });
        self.running.update(|running| running.push((number, cancel.clone())));
        Ongoing { shutdown: Arc::clone(self), number }
    }

    fn stop(&self) {
        self.told.set(true);
        for (_, cancel) in self.running.get() {
            cancel.request();
        }
    }

    async fn drained(&self) {
        while !self.running.with(Vec::is_empty) {
            self.none_runs.reset();
            self.none_runs.wait().await;
        }
    }
}

#[async_trait]
impl ProviderShutdown for Shutdown {
    async fn query_fast_shutdown(&self) -> HResult {
        HResult::S_OK
    }

    async fn notify_process_shutdown(&self) -> HResult {
        if !self.run.is(Mutant::IgnoresNotice) {
            self.stop();
        }
        HResult::S_OK
    }

    async fn do_fast_shutdown(&self) -> HResult {
        self.stop();
        if self.run.scenario().provider.done_handle {
            if !self.run.is(Mutant::ExitsInMidSync) {
                self.drained().await;
            }
        } else {
            // The one that takes every step itself saves what it has, and falls silent.
            self.exits.set(true);
        }
        HResult::S_OK
    }

    async fn store_logoff(&self) -> HResult {
        self.stop();
        self.drained().await;
        HResult::S_OK
    }
}

/// A sync that has not ended.
pub(super) struct Ongoing {
    shutdown: Arc<Shutdown>,
    number: u32,
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        let Self { shutdown, number } = self;
        shutdown.running.update(|running| running.retain(|(sync, _)| sync != number));
        shutdown.none_runs.set();
    }
}

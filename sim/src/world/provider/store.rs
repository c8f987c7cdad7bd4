//! The simulated store provider, written as a real one would be: on [`SyncSession`], which ends
//! every sync in exactly one Done.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{Either, select};
use mapi_sync::{
    CancelSignal, HResult, MapiSync, ProviderShutdown, Reporter, Runtime, SyncDone, SyncRequest,
    SyncSession, TaskEnd, TaskHandle,
};

use super::plan::{Phase, Unit};
use super::position::{Position, maximum, wording};
use super::shutdown::Shutdown;
use super::work::{Job, ProgressSink};
use crate::engine::sync::Register;
use crate::world::run::{Run, Running, StoreRef};
use crate::world::scenario::{OverlapStyle, Step};

/// The provider of one account's store.
pub(in crate::world) struct StoreProvider {
    run: Arc<Run>,
    account: usize,
    store: StoreRef,
    running: Register<u32>,
    shutdown: Option<Arc<Shutdown>>,
}

impl StoreProvider {
    pub(in crate::world) fn new(run: &Arc<Run>, account: usize) -> Self {
        Self {
            run: Arc::clone(run),
            account,
            store: StoreRef::new(run, account),
            running: Register::new("running syncs", 0),
            shutdown: Shutdown::new(run),
        }
    }
}

#[async_trait]
impl MapiSync for StoreProvider {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        if self.running.get() > 0 && self.run.scenario().provider.overlap == OverlapStyle::Busy {
            return HResult::MAPI_E_BUSY;
        }
        if self.shutdown.as_ref().is_some_and(|shutdown| shutdown.is_told()) {
            return HResult::MAPI_E_END_OF_SESSION;
        }
        let ongoing = self.shutdown.as_ref().map(|shutdown| shutdown.begin(request.cancel()));
        let sync = Sync {
            run: Arc::clone(&self.run),
            account: self.account,
            shutdown: self.shutdown.clone(),
            running: Running::new(&self.running),
        };
        let store = self.store.clone();
        request.start(move |session| {
            session.keep((store, ongoing));
            sync.run(session)
        })
    }

    fn shutdown(&self) -> Option<&dyn ProviderShutdown> {
        self.shutdown.as_deref().map(|shutdown| shutdown as &dyn ProviderShutdown)
    }
}

/// One running sync.
struct Sync {
    run: Arc<Run>,
    account: usize,
    shutdown: Option<Arc<Shutdown>>,
    running: Running,
}

impl Sync {
    async fn run(self, session: SyncSession) -> SyncDone {
        let sink = SessionProgress::new(&self.run, self.account, &self.shutdown, &session);
        let job = Arc::new(Job::new(&self.run, self.account, sink.clone()));
        let status = self.work(&job, session.runtime()).await;
        drop(job);
        let status = if sink.stopped_early(status) { HResult::MAPI_E_USER_CANCEL } else { status };
        // The host may start the next sync from inside Done.
        drop(self.running);
        session.done(status).await
    }

    async fn work(&self, job: &Arc<Job<SessionProgress>>, runtime: &Arc<dyn Runtime>) -> HResult {
        let keep_alive = self.run.scenario().provider.keep_alive_ms;
        let work = pin!(phases(job, runtime));
        if keep_alive == 0 {
            return work.await;
        }
        match select(work, pin!(job.sink.ticks(runtime, keep_alive))).await {
            Either::Left((status, _)) => status,
            Either::Right((never, _)) => match never {},
        }
    }
}

async fn phases(job: &Arc<Job<SessionProgress>>, runtime: &Arc<dyn Runtime>) -> HResult {
    if let Err(code) = job.connect().await {
        if code != HResult::MAPI_E_USER_CANCEL {
            job.sink.reporter.error(code, "The server cannot be reached").await;
        }
        return code;
    }
    for phase in 0..job.plan().phases.len() {
        if job.over() {
            break;
        }
        job.begin(phase).await;
        let mut group = WorkerGroup::default();
        if job.workers(phase) > 1 {
            for _ in 0..job.workers(phase) {
                let job = Arc::clone(job);
                let worker = Box::pin(async move { job.work(phase).await });
                // With fewer tasks than asked for, the work takes longer.
                group.0.extend(runtime.spawn("worker".into(), worker));
            }
        }
        let complete = group.join().await;
        // If no task could be started, the work is done here.
        job.work(phase).await;
        if !complete {
            return HResult::MAPI_E_UNABLE_TO_COMPLETE;
        }
    }
    job.status()
}

/// The workers of a phase. They are aborted if the sync is dropped.
#[derive(Default)]
struct WorkerGroup(Vec<TaskHandle>);

impl WorkerGroup {
    /// Waits for all workers. Returns whether every one of them reached its end.
    async fn join(mut self) -> bool {
        let mut complete = true;
        while let Some(worker) = self.0.last_mut() {
            complete &= worker.await == TaskEnd::Finished;
            self.0.pop();
        }
        complete
    }
}

impl Drop for WorkerGroup {
    fn drop(&mut self) {
        self.0.iter().for_each(TaskHandle::abort);
    }
}

/// The reports of one sync.
#[derive(Clone)]
struct SessionProgress {
    run: Arc<Run>,
    account: usize,
    reporter: Reporter,
    cancel: CancelSignal,
    shutdown: Option<Arc<Shutdown>>,
    position: Register<Position>,
}

impl SessionProgress {
    fn new(
        run: &Arc<Run>,
        account: usize,
        shutdown: &Option<Arc<Shutdown>>,
        session: &SyncSession,
    ) -> Self {
        Self {
            run: Arc::clone(run),
            account,
            reporter: session.reporter(),
            cancel: session.cancel().clone(),
            shutdown: shutdown.clone(),
            position: Register::new("position", Position::default()),
        }
    }

    /// Whether a cancel came before the report that everything is done.
    fn stopped_early(&self, status: HResult) -> bool {
        let complete = status == HResult::S_OK && self.position.get().told_complete;
        self.stop_requested() && !complete
    }

    /// Sends a sign of life at this interval.
    async fn ticks(&self, runtime: &Arc<dyn Runtime>, every_ms: u64) -> Infallible {
        loop {
            runtime.sleep(Duration::from_millis(every_ms)).await;
            let position = self.position.get();
            let is_told = self.shutdown.as_ref().is_some_and(|shutdown| shutdown.is_told());
            if position.max > 0 && !is_told {
                self.report(None, position).await;
            }
        }
    }

    async fn report(&self, text: Option<&str>, position: Position) {
        let provider = &self.run.scenario().provider;
        let (index, max) = position.shown(provider);
        self.reporter.progress(wording(provider, text), index, max).await;
        if position.done == self.run.plan(self.account).total && !self.stop_requested() {
            self.position.update(|position| position.told_complete = true);
        }
    }
}

impl ProgressSink for SessionProgress {
    type Ticket = ();

    async fn phase(&self, phase: &Phase) {
        let max = maximum(&self.run.scenario().provider, self.run.plan(self.account), phase);
        let position = self.position.update(|position| {
            position.max = max;
            *position
        });
        self.report(Some(&phase.units[0].text), position).await;
    }

    fn begin(&self) {}

    async fn retry(&self, _: &Unit) {}

    async fn step(&self, unit: &Unit, (): (), last: bool) {
        let position = self.position.update(|position| {
            position.done += 1;
            *position
        });
        if last || self.run.scenario().provider.progress == Step::Message {
            self.report(Some(&unit.text), position).await;
        }
    }

    async fn failed(&self, unit: &Unit, code: HResult, _: u32) {
        self.reporter.error(code, &unit.error).await;
    }

    fn stop_requested(&self) -> bool {
        self.cancel.is_requested()
    }

    async fn stop(&self) {
        self.cancel.requested().await;
    }
}

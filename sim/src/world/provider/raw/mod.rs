//! A provider written on the raw interface, where every mistake is possible.
//!
//! Without a mutant it keeps the contract. Each mutant changes it at one place, marked by the
//! mutant's name.

mod ending;
mod progress;

use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::{Either, select};
use mapi_sync::{
    HResult, MapiSync, OwnedEvent, ProviderShutdown, RawEvent, Runtime, SyncRequest, TaskHandle,
};

use self::ending::Ending;
use self::progress::{Kept, RawProgress, SyncState};
use super::shutdown::Shutdown;
use super::work::Job;
use crate::engine::sync::Register;
use crate::world::mutant::Mutant;
use crate::world::run::{Run, Running, StoreRef};
use crate::world::scenario::{OverlapStyle, Returns};
use crate::world::time::sleep_ms;

/// The provider of one account.
pub(in crate::world) struct RawProvider {
    run: Arc<Run>,
    account: usize,
    store: StoreRef,
    running: Register<u32>,
    shutdown: Option<Arc<Shutdown>>,
}

impl RawProvider {
    pub(in crate::world) fn new(run: &Arc<Run>, account: usize) -> Self {
        Self {
            run: Arc::clone(run),
            account,
            store: StoreRef::new(run, account),
            running: Register::new("running syncs", 0),
            shutdown: Shutdown::new(run),
        }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.run.is(mutant)
    }

    /// The answer to a start that is refused because a sync runs, or because the session ends.
    fn refusal(&self) -> Option<HResult> {
        if self.shutdown.as_ref().is_some_and(|shutdown| shutdown.is_told()) {
            return Some(HResult::MAPI_E_END_OF_SESSION);
        }
        let busy =
            self.running.get() > 0 && self.run.scenario().provider.overlap == OverlapStyle::Busy;
        let code =
            if self.is(Mutant::RefusesOverlap) { HResult::E_FAIL } else { HResult::MAPI_E_BUSY };
        busy.then_some(code)
    }

    /// Creates the event and its private duplicate, and publishes it.
    fn publish(&self, request: &SyncRequest) -> Result<Handles, HResult> {
        let events = request.runtime().events();
        let event = OwnedEvent::create(events)?;
        let private = if self.is(Mutant::NoDuplicate) { None } else { Some(event.duplicate()?) };
        let mut published = event.into_raw();
        if self.is(Mutant::NoEvent) {
            events.close(published);
            published = RawEvent::NULL;
        } else if !self.is(Mutant::LateEvent) {
            request.event_out().publish(published);
        }
        Ok(Handles { published, private })
    }

    /// Takes the event back from the out-pointer: the start fails.
    fn take_back(&self, request: &SyncRequest, published: RawEvent) {
        if self.is(Mutant::EventOnFailedStart) {
            return;
        }
        request.event_out().publish(RawEvent::NULL);
        request.runtime().events().close(published);
    }
}

struct Handles {
    published: RawEvent,
    private: Option<OwnedEvent>,
}

#[async_trait]
impl MapiSync for RawProvider {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        if let Some(code) = self.refusal() {
            return code;
        }
        let ongoing = self.shutdown.as_ref().map(|shutdown| shutdown.begin(request.cancel()));
        let callback = match request.query_callback() {
            Ok(callback) => callback,
            Err(code) => return code,
        };
        let handles = match self.publish(&request) {
            Ok(handles) => handles,
            Err(code) => {
                if self.is(Mutant::ErrorOnFailedStart) {
                    callback.error(code, Some("No event could be created")).await;
                }
                if self.is(Mutant::LeaksOnFailedStart) {
                    callback.add_ref();
                }
                return code;
            }
        };
        let published = handles.published;
        let store = (!self.is(Mutant::OutlivesStore)).then(|| self.store.clone());
        let kept = Kept { store, shutdown: self.shutdown.clone(), ongoing };
        let state = SyncState::new(&self.run, self.account, callback, &request, published, kept);
        let state = Arc::new(state);
        let ending = Ending::new(Arc::clone(&state), handles.private);
        let armed = ending.armed();
        let sync = Sync {
            run: Arc::clone(&self.run),
            state: Arc::clone(&state),
            ending,
            running: Running::new(&self.running),
        };
        let task = match request.runtime().spawn("sync".into(), Box::pin(sync.run(request.clone())))
        {
            Ok(task) => task,
            Err(code) => {
                if self.is(Mutant::NoDoneWithoutTask) {
                    // A provider that trusts its task would keep the callback alive.
                    state.callback.add_ref();
                    return HResult::S_OK;
                }
                if self.is(Mutant::DoneOnFailedStart) {
                    state.callback.done(RawEvent::NULL, code).await;
                }
                self.take_back(&request, published);
                return code;
            }
        };
        armed.arm();
        if self.is(Mutant::ReleasesInStart) {
            state.callback.release();
        }
        if self.run.scenario().provider.returns == Returns::AfterDone {
            task.await;
        } else {
            task.detach();
        }
        HResult::S_OK
    }

    fn shutdown(&self) -> Option<&dyn ProviderShutdown> {
        self.shutdown.as_deref().map(|shutdown| shutdown as &dyn ProviderShutdown)
    }
}

/// One running sync.
struct Sync {
    run: Arc<Run>,
    state: Arc<SyncState>,
    ending: Ending,
    running: Running,
}

impl Sync {
    async fn run(mut self, request: SyncRequest) {
        self.ending.armed().arm();
        if self.run.is(Mutant::LateEvent) {
            request.event_out().publish(self.state.published);
        }
        let job = Arc::new(Job::new(&self.run, self.state.account, RawProgress::new(&self.state)));
        let watcher = self.watcher(request.runtime());
        let status = self.body(&job, request.runtime()).await;
        drop(job);
        self.state.stop_ticker();
        self.running.end();
        let Some(status) = status else {
            self.ending.give_up();
            return;
        };
        self.state.quiet();
        if let Some(watcher) = watcher {
            if self.state.cancel.is_requested() {
                // The watcher sends the Done.
                watcher.await;
                self.ending.finish_silently();
                return;
            }
            // Logging off takes a moment.
            sleep_ms(5).await;
            self.ending.finish(status).await;
            watcher.abort();
            return;
        }
        let Self { ending, state, .. } = self;
        drop(state);
        ending.finish(status).await;
    }

    /// The second path to a Done, for the mutant that has two.
    fn watcher(&self, runtime: &Arc<dyn Runtime>) -> Option<TaskHandle> {
        if !self.run.is(Mutant::DoneFromTwoPaths) {
            return None;
        }
        let state = Arc::clone(&self.state);
        let watcher = Box::pin(async move { state.answer_cancel().await });
        runtime.spawn("cancel watcher".into(), watcher).ok()
    }

    /// Everything up to Done. Returns Done's status, or `None` for a mutant that sends no Done.
    async fn body(
        &mut self,
        job: &Arc<Job<RawProgress>>,
        runtime: &Arc<dyn Runtime>,
    ) -> Option<HResult> {
        let run = Arc::clone(&self.run);
        let keep_alive = run.scenario().provider.keep_alive_ms;
        if run.is(Mutant::LateTicker) {
            let state = Arc::clone(&self.state);
            let ticker = Box::pin(async move { state.careless_ticks(keep_alive.max(1)).await });
            if let Ok(task) = runtime.spawn("ticker".into(), ticker) {
                task.detach();
            }
        }
        let state = Arc::clone(&self.state);
        let mut status = {
            let work = pin!(self.phases(job, runtime));
            let silent = run.is(Mutant::LateTicker) || run.is(Mutant::LongSilence);
            if keep_alive == 0 || silent {
                work.await
            } else {
                match select(work, pin!(state.ticks(keep_alive))).await {
                    Either::Left((status, _)) => status,
                    Either::Right((never, _)) => match never {},
                }
            }
        };
        if run.is(Mutant::NoDoneOffline) && status == HResult::MAPI_E_OFFLINE {
            return None;
        }
        if self.state.is_broken() {
            return None;
        }
        if run.is(Mutant::OkAfterError) && status == HResult::MAPI_W_PARTIAL_COMPLETION {
            status = HResult::S_OK;
        }
        if self.state.cancelled_before_end(status) {
            status = HResult::MAPI_E_USER_CANCEL;
        }
        if run.is(Mutant::CancelAsFailure) && status == HResult::MAPI_E_USER_CANCEL {
            status = HResult::E_FAIL;
        }
        Some(status)
    }

    async fn phases(&mut self, job: &Arc<Job<RawProgress>>, runtime: &Arc<dyn Runtime>) -> HResult {
        if let Err(code) = job.connect().await {
            if code != HResult::MAPI_E_USER_CANCEL {
                job.sink.connect_failed(code).await;
            }
            return code;
        }
        let mut early = None;
        for phase in 0..job.plan().phases.len() {
            if job.over() {
                break;
            }
            job.begin(phase).await;
            let workers = job.workers(phase);
            let mut lost = false;
            if workers > 1 {
                self.state.open_phase(job.plan().phases[phase].units.len());
                for _ in 0..workers {
                    let job = Arc::clone(job);
                    let worker = Box::pin(async move { job.work(phase).await });
                    if let Ok(worker) = runtime.spawn("worker".into(), worker) {
                        self.ending.watch(worker);
                    }
                }
                if self.run.is(Mutant::CountsBeforeReport) {
                    self.state.units_counted().await;
                } else if self.run.is(Mutant::OkAfterLateError) {
                    early = Some(self.ending.first_worker_status(job).await);
                    lost = self.ending.join_workers().await;
                } else {
                    lost = self.ending.join_workers().await;
                }
            }
            // Whatever no worker took is done here: there may have been no task to be had.
            if !self.run.is(Mutant::CountsBeforeReport) || workers <= 1 {
                job.work(phase).await;
            }
            if lost {
                self.state.worker_lost();
                return HResult::MAPI_E_UNABLE_TO_COMPLETE;
            }
        }
        early.unwrap_or_else(|| job.status())
    }
}

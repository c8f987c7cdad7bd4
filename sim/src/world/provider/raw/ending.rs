//! The end of a sync on the raw interface: whatever happens to the task, one Done, then the
//! release, then the event.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::join;
use mapi_sync::{HResult, OwnedEvent, TaskEnd, TaskHandle, catch_panic};

use super::super::work::Job;
use super::progress::{RawProgress, SyncState};
use crate::engine;
use crate::world::mutant::Mutant;
use crate::world::run::spawn_detached;
use crate::world::scenario::Published;

/// The guard of one sync. If it is dropped too early, it sends a Done all the same.
pub(super) struct Ending {
    /// Until the callback is released.
    state: Option<Arc<SyncState>>,
    private: Option<OwnedEvent>,
    workers: Vec<TaskHandle>,
    armed: Armed,
    stage: Stage,
    /// How often in a row a task was started that has not run.
    tries: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Working,
    DoneBegun,
    Over,
}

/// Whether the start has succeeded, or is bound to: from then on a Done is owed.
#[derive(Clone)]
pub(super) struct Armed(Arc<AtomicBool>);

impl Armed {
    pub(super) fn arm(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Ending {
    pub(super) fn new(state: Arc<SyncState>, private: Option<OwnedEvent>) -> Self {
        Self {
            state: Some(state),
            private,
            workers: Vec::new(),
            armed: Armed(Arc::default()),
            stage: Stage::Working,
            tries: 0,
        }
    }

    pub(super) fn armed(&self) -> Armed {
        self.armed.clone()
    }

    /// Adds a worker, which must end before Done.
    pub(super) fn watch(&mut self, worker: TaskHandle) {
        self.workers.push(worker);
    }

    /// Waits for all workers. Returns whether one of them did not reach its end.
    pub(super) async fn join_workers(&mut self) -> bool {
        let mut lost = false;
        while let Some(worker) = self.workers.last_mut() {
            lost |= worker.await != TaskEnd::Finished;
            self.workers.pop();
        }
        lost
    }

    /// The status at the time when the first worker ends.
    pub(super) async fn first_worker_status(&mut self, job: &Job<RawProgress>) -> HResult {
        if let Some(worker) = self.workers.last_mut() {
            worker.await;
            self.workers.pop();
        }
        job.status()
    }

    /// Ends the sync with this status.
    pub(super) async fn finish(mut self, status: HResult) {
        if let Some(state) = self.state.clone() {
            if state.exits() {
                return self.give_up();
            }
            self.stage = Stage::DoneBegun;
            self.done(&state, status).await;
        }
        self.after_done();
    }

    /// Ends the sync after another task has sent its Done.
    pub(super) fn finish_silently(mut self) {
        self.after_done();
    }

    /// Ends the sync without a Done, as mutants do, and as anybody may once the process exits.
    pub(super) fn give_up(mut self) {
        self.stage = Stage::Over;
        if let Some(state) = &self.state {
            // The reference stays with the sync that never ends.
            state.callback.add_ref();
        }
    }

    async fn done(&mut self, state: &SyncState, status: HResult) {
        let run = &state.run;
        if run.is(Mutant::ReleasesEarly) {
            state.callback.release();
        }
        if run.is(Mutant::EventBeforeDone) {
            self.signal(state);
        }
        let event = if run.is(Mutant::OtherHandle) {
            self.private.as_ref().map_or(state.published, OwnedEvent::raw)
        } else {
            state.handle_for_done()
        };
        let done = catch_panic(state.callback.done(event, status));
        if run.is(Mutant::EventBesideDone) {
            join(done, async {
                engine::yield_now().await;
                self.signal(state);
            })
            .await;
        } else {
            done.await;
        }
        if run.is(Mutant::DoneTwice) {
            catch_panic(state.callback.done(event, status)).await;
        }
    }

    /// Releases the callback, then signals the event.
    fn after_done(&mut self) {
        self.stage = Stage::Over;
        let Some(state) = self.state.take() else { return };
        let run = Arc::clone(&state.run);
        let (events, published, cancelled) =
            (Arc::clone(state.runtime.events()), state.published, state.cancel.is_requested());
        if run.is(Mutant::NeverReleases) {
            state.callback.add_ref();
        }
        if run.is(Mutant::ReleasesTwice) {
            state.callback.release();
        }
        drop(state);
        let forgotten = run.is(Mutant::EventNever)
            || run.is(Mutant::EventForgottenOnCancel) && cancelled
            || run.is(Mutant::EventBeforeDone)
            || run.is(Mutant::EventBesideDone);
        if run.is(Mutant::OtherHandle) {
            // The duplicate is given away, so only the other handle is left to signal through.
            events.set(published);
            let _given = self.private.take().map(OwnedEvent::into_raw);
        } else if run.is(Mutant::NoDuplicate) {
            events.set(published);
        } else if let Some(private) = self.private.take()
            && !forgotten
        {
            if run.scenario().provider.event == Published::Thread {
                // A thread's handle is signalled by the system, a moment after the thread's last
                // step.
                spawn_detached("thread exit", async move {
                    engine::yield_now().await;
                    private.set();
                });
            } else {
                private.set();
            }
        }
        if run.is(Mutant::ClosesPublished) {
            events.close(published);
        }
    }

    fn signal(&mut self, state: &SyncState) {
        match &self.private {
            Some(private) => private.set(),
            None => state.runtime.events().set(state.published),
        };
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        match self.stage {
            Stage::Over => return,
            Stage::DoneBegun => return self.after_done(),
            Stage::Working => {}
        }
        let Some(state) = self.state.clone() else { return };
        // A refusal is a fault, and their number is limited. Beyond it, the execution is being
        // cleared up.
        if self.tries > state.run.scenario().faults.task_creation {
            return;
        }
        // After an execution was cut off, nobody is left to call.
        if !self.armed.0.load(Ordering::Relaxed) || engine::is_closing() {
            return;
        }
        if state.exits() {
            state.callback.add_ref();
            return;
        }
        let dies = state.run.is(Mutant::DiesOnCallbackPanic) && std::thread::panicking();
        if dies || state.run.is(Mutant::NoDoneWhenDropped) {
            state.callback.add_ref();
            return;
        }
        let mut rest = Self {
            state: self.state.take(),
            private: self.private.take(),
            workers: mem::take(&mut self.workers),
            armed: self.armed.clone(),
            stage: Stage::Working,
            tries: self.tries + 1,
        };
        let runtime = Arc::clone(&state.runtime);
        drop(state);
        let last = async move {
            rest.tries = 0;
            rest.workers.iter().for_each(TaskHandle::abort);
            rest.join_workers().await;
            rest.finish(HResult::E_UNEXPECTED).await;
        };
        // If no task can be started, the guard inside is dropped and tries again.
        if let Ok(task) = runtime.spawn("last done".into(), Box::pin(last)) {
            task.detach();
        }
    }
}

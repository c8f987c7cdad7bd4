//! What most variants do: some steps, counted by all tasks of a sync.

use std::sync::Arc;

use mapi_sync::{HResult, Reporter, Runtime, SyncDone, SyncSession, TaskEnd, TaskHandle};
use tokio::sync::{Mutex, mpsc};

use crate::ms;

/// The steps of a sync, counted by all of its tasks.
#[derive(Clone)]
pub(super) struct Steps {
    reporter: Arc<Reporter>,
    pub(super) runtime: Arc<dyn Runtime>,
    total: u32,
    /// Held while a step is counted and reported, so that reports come in the order of counting.
    count: Arc<Mutex<u32>>,
}

impl Steps {
    pub(super) fn new(session: &SyncSession, total: u32) -> Self {
        Self {
            reporter: Arc::new(session.reporter()),
            runtime: Arc::clone(session.runtime()),
            total,
            count: Arc::default(),
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.reporter.cancel().is_requested()
    }

    /// One more step is done.
    pub(super) async fn step(&self) {
        let mut count = self.count.lock().await;
        if !self.is_cancelled() {
            *count += 1;
            self.reporter.progress(Some("Inbox"), *count, self.total).await;
        }
    }

    pub(super) async fn sleep(&self, length: u64) {
        self.runtime.sleep(ms(length)).await;
    }

    /// Work that takes a while, and is one step.
    pub(super) async fn work(self, length: u64) {
        self.sleep(length).await;
        self.step().await;
    }

    /// Does it in a task. `None` if there are no more tasks.
    pub(super) fn spawn(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Option<TaskHandle> {
        self.runtime.spawn("worker".into(), Box::pin(work)).ok()
    }

    /// Whether every step was done and reported.
    pub(super) async fn are_complete(&self) -> bool {
        *self.count.lock().await == self.total
    }

    /// Ends the sync: with a success if every step was done.
    pub(super) async fn end(self, session: SyncSession) -> SyncDone {
        let complete = self.are_complete().await;
        session.done_or_cancelled(if complete { HResult::S_OK } else { HResult::E_FAIL }).await
    }
}

pub(super) async fn joined(task: Option<TaskHandle>) -> bool {
    match task {
        Some(task) => task.await == TaskEnd::Finished,
        None => false,
    }
}

/// Sends the numbers of the steps that it has done.
pub(super) async fn produce(steps: Steps, sender: mpsc::Sender<u32>, count: u32) {
    for number in 0..count {
        steps.sleep(3).await;
        if sender.send(number).await.is_err() {
            return;
        }
    }
}

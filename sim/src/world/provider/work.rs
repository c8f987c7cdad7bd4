//! The work of a sync: steps, folders, phases, parallel workers. The provider on the session and
//! the one on the raw interface share it. They differ in how they report progress.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use futures::future::{Either, select};
use mapi_sync::HResult;

use super::network::Network;
use super::plan::{Phase, PhaseKind, Plan, Unit, headers_only};
use crate::engine::Site;
use crate::engine::sync::Register;
use crate::world::run::Run;
use crate::world::scenario::{CancelStyle, ErrorStyle};
use crate::world::sites::{BODY, FOLDER, HEADER, UPLOAD};
use crate::world::time::sleep_ms;

/// How progress is reported to the host, and how the host's request to stop comes back.
pub(super) trait ProgressSink: Clone + Send + Sync + 'static {
    /// A value that [`begin`](Self::begin) gives for a step, and that [`step`](Self::step) gets
    /// back.
    type Ticket: Send;

    /// A phase begins.
    fn phase(&self, phase: &Phase) -> impl Future<Output = ()> + Send;

    /// A step begins.
    fn begin(&self) -> Self::Ticket;

    /// An attempt failed; another one follows.
    fn retry(&self, unit: &Unit) -> impl Future<Output = ()> + Send;

    /// A step is complete; `last` says that its unit is.
    fn step(
        &self,
        unit: &Unit,
        ticket: Self::Ticket,
        last: bool,
    ) -> impl Future<Output = ()> + Send;

    /// A unit failed, with this many steps left.
    fn failed(&self, unit: &Unit, code: HResult, left: u32) -> impl Future<Output = ()> + Send;

    /// Whether the sync was asked to stop.
    fn stop_requested(&self) -> bool;

    /// Waits until the sync is asked to stop.
    fn stop(&self) -> impl Future<Output = ()> + Send;
}

/// One sync's work.
pub(super) struct Job<T> {
    run: Arc<Run>,
    account: usize,
    network: Network,
    pub(super) sink: T,
    /// The index of the unit that the next free worker takes.
    next: Register<usize>,
    /// The first failure of any unit.
    failure: Register<Option<HResult>>,
}

impl<T: ProgressSink> Job<T> {
    pub(super) fn new(run: &Arc<Run>, account: usize, sink: T) -> Self {
        Self {
            run: Arc::clone(run),
            account,
            network: Network::new(Arc::clone(run)),
            sink,
            next: Register::new("next folder", 0),
            failure: Register::new("first failure", None),
        }
    }

    pub(super) fn plan(&self) -> &Plan {
        self.run.plan(self.account)
    }

    /// Logs on.
    pub(super) async fn connect(&self) -> Result<(), HResult> {
        self.until_stop(self.network.connect()).await
    }

    /// How many workers a phase can use.
    pub(super) fn workers(&self, phase: usize) -> usize {
        let workers = self.run.scenario().provider.workers as usize;
        workers.min(self.plan().phases[phase].units.len())
    }

    /// Begins a phase.
    pub(super) async fn begin(&self, phase: usize) {
        self.next.set(0);
        self.sink.phase(&self.plan().phases[phase]).await;
    }

    /// Works on units of a phase until none is left.
    pub(super) async fn work(&self, phase: usize) {
        let phase = &self.plan().phases[phase];
        loop {
            let taken = self.next.update(|next| {
                *next += 1;
                *next - 1
            });
            let Some(unit) = phase.units.get(taken) else { return };
            if let Err((code, left)) = self.unit(phase.kind, unit).await {
                if code == HResult::MAPI_E_USER_CANCEL {
                    return;
                }
                self.failure.update(|first| {
                    first.get_or_insert(code);
                });
                self.sink.failed(unit, code, left).await;
            }
        }
    }

    /// Whether the rest of the work is skipped.
    pub(super) fn over(&self) -> bool {
        let stop_on_error = self.run.scenario().provider.on_error == ErrorStyle::Stop;
        self.sink.stop_requested() || stop_on_error && self.failure.get().is_some()
    }

    /// The status once all workers have ended.
    pub(super) fn status(&self) -> HResult {
        match (self.failure.get(), self.run.scenario().provider.on_error) {
            (None, _) => HResult::S_OK,
            (Some(_), ErrorStyle::Continue) => HResult::MAPI_W_PARTIAL_COMPLETION,
            (Some(code), ErrorStyle::Stop) => code,
        }
    }

    /// Does the steps of a unit. A failure comes with the number of steps that are left.
    async fn unit(&self, kind: PhaseKind, unit: &Unit) -> Result<(), (HResult, u32)> {
        for step in 1..=unit.steps {
            let left = unit.steps - step + 1;
            if self.over() {
                return Err((HResult::MAPI_E_USER_CANCEL, left));
            }
            let ticket = self.sink.begin();
            self.until_stop(self.step(kind, unit)).await.map_err(|code| (code, left))?;
            if self.over() {
                // A step that ends after the request to stop is not reported: the sync stays
                // incomplete.
                return Err((HResult::MAPI_E_USER_CANCEL, left));
            }
            self.sink.step(unit, ticket, step == unit.steps).await;
        }
        Ok(())
    }

    async fn step(&self, kind: PhaseKind, unit: &Unit) -> Result<(), HResult> {
        let scenario = self.run.scenario();
        let cost = &scenario.provider.cost;
        match kind {
            PhaseKind::UploadHierarchy | PhaseKind::DownloadHierarchy => {
                self.request(unit, FOLDER, &cost.folder).await
            }
            PhaseKind::UploadContents => self.request(unit, UPLOAD, &cost.upload).await,
            PhaseKind::DownloadContents => {
                self.request(unit, HEADER, &cost.header).await?;
                if !headers_only(scenario.accounts[self.account].flags) {
                    self.request(unit, BODY, &cost.body).await?;
                }
                Ok(())
            }
        }
    }

    /// Sends a request, and again if it is lost, as often as the scenario says.
    async fn request(
        &self,
        unit: &Unit,
        site: Site,
        cost: &crate::world::scenario::Cost,
    ) -> Result<(), HResult> {
        let provider = &self.run.scenario().provider;
        for _ in 0..provider.retries {
            if self.network.attempt(site, cost).await.is_ok() {
                return Ok(());
            }
            self.sink.retry(unit).await;
            sleep_ms(provider.retry_delay_ms).await;
        }
        self.network.attempt(site, cost).await
    }

    /// Runs `work` to its end, or drops it at a request to stop if the scenario says so.
    async fn until_stop(
        &self,
        work: impl Future<Output = Result<(), HResult>> + Send,
    ) -> Result<(), HResult> {
        if self.run.scenario().provider.on_cancel == CancelStyle::AfterStep {
            return work.await;
        }
        match select(pin!(work), pin!(self.sink.stop())).await {
            Either::Left((result, _)) => result,
            Either::Right(((), _)) => Err(HResult::MAPI_E_USER_CANCEL),
        }
    }
}

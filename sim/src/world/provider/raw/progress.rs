//! How the provider on the raw interface reports progress, and how it counts.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use mapi_sync::{
    BoxFuture, CallbackRef, CancelSignal, HResult, RawEvent, Runtime, SyncRequest, catch_panic,
};

use super::super::plan::{Phase, Unit};
use super::super::position::{Position, maximum, wording};
use super::super::shutdown::{Ongoing, Shutdown};
use super::super::work::ProgressSink;
use crate::engine;
use crate::engine::sync::{Event, Mutex, Register};
use crate::world::mutant::Mutant;
use crate::world::run::{Run, StoreRef};
use crate::world::scenario::Step;
use crate::world::time::sleep_ms;

/// What a sync holds until Done has returned.
pub(super) struct Kept {
    #[expect(dead_code, reason = "it is held")]
    pub(super) store: Option<StoreRef>,
    pub(super) shutdown: Option<Arc<Shutdown>>,
    #[expect(dead_code, reason = "it is held")]
    pub(super) ongoing: Option<Ongoing>,
}

/// The state that all tasks of one sync share.
pub(super) struct SyncState {
    pub(super) run: Arc<Run>,
    pub(super) account: usize,
    pub(super) callback: CallbackRef,
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) cancel: CancelSignal,
    pub(super) published: RawEvent,
    kept: Kept,
    position: Register<Position>,
    /// Reports made, for the mutant that takes positions too early. Changed only together with the
    /// position.
    reported: AtomicU32,
    /// Held during a call, if calls must not overlap.
    turn: Option<Mutex<()>>,
    /// The host failed a call. Only mutants react to it.
    broken: Register<bool>,
    /// Units of the phase that are not yet counted as finished.
    uncounted: Register<usize>,
    counted: Event,
    /// No worker calls any more.
    quiet: Event,
    /// The sync is over, for a ticker that looks.
    stopped: Register<bool>,
}

impl SyncState {
    pub(super) fn new(
        run: &Arc<Run>,
        account: usize,
        callback: CallbackRef,
        request: &SyncRequest,
        published: RawEvent,
        kept: Kept,
    ) -> Self {
        let serial = run.scenario().contract.serial_calls && !run.is(Mutant::OverlappingCalls);
        Self {
            run: Arc::clone(run),
            account,
            callback,
            runtime: Arc::clone(request.runtime()),
            cancel: request.cancel().clone(),
            published,
            kept,
            position: Register::new("position", Position::default()),
            reported: AtomicU32::new(0),
            turn: serial.then(|| Mutex::new("turn to call", ())),
            broken: Register::new("broken", false),
            uncounted: Register::new("uncounted units", 0),
            counted: Event::new("all units counted"),
            quiet: Event::new("no more calls"),
            stopped: Register::new("stopped", false),
        }
    }

    /// The handle that Done passes back.
    pub(super) fn handle_for_done(&self) -> RawEvent {
        let null = !self.run.scenario().provider.done_handle || self.run.is(Mutant::LateEvent);
        if null { RawEvent::NULL } else { self.published }
    }

    /// Whether a cancel came before the report that everything is done.
    pub(super) fn cancelled_before_end(&self, status: HResult) -> bool {
        if self.run.is(Mutant::IgnoresCancel) {
            return false;
        }
        let complete = status == HResult::S_OK && self.position.get().told_complete;
        self.cancel.is_requested() && !complete
    }

    /// Whether a failure of the host has ended the sync.
    pub(super) fn is_broken(&self) -> bool {
        let broken =
            self.run.is(Mutant::StopsOnCallbackFailure) || self.run.is(Mutant::DiesOnCallbackPanic);
        broken && self.broken.get()
    }

    /// A worker did not reach its end.
    pub(super) fn worker_lost(&self) {
        self.broken.set(true);
    }

    /// Whether the process exits and no call may begin any more.
    pub(super) fn exits(&self) -> bool {
        self.kept.shutdown.as_ref().is_some_and(|shutdown| shutdown.exits())
    }

    /// Begins a phase of this many units that several workers share.
    pub(super) fn open_phase(&self, units: usize) {
        self.uncounted.set(units);
        self.counted.reset();
    }

    /// Counts a unit as finished.
    fn count_unit(&self) {
        let left = self.uncounted.update(|left| {
            *left = left.saturating_sub(1);
            *left
        });
        if left == 0 {
            self.counted.set();
        }
    }

    pub(super) async fn units_counted(&self) {
        self.counted.wait().await;
    }

    /// Reports without a text at this interval.
    pub(super) async fn ticks(&self, every_ms: u64) -> Infallible {
        loop {
            self.runtime.sleep(Duration::from_millis(every_ms)).await;
            self.tick().await;
        }
    }

    /// The same for the mutant whose ticker checks whether the sync is over, and then waits a
    /// moment.
    pub(super) async fn careless_ticks(&self, every_ms: u64) {
        loop {
            self.runtime.sleep(Duration::from_millis(every_ms)).await;
            if self.stopped.get() {
                return;
            }
            engine::yield_now().await;
            self.tick().await;
        }
    }

    /// Says that no worker calls any more.
    pub(super) fn quiet(&self) {
        self.quiet.set();
    }

    /// Sends a Done for a cancel, once no worker calls any more.
    pub(super) async fn answer_cancel(&self) {
        self.cancel.requested().await;
        self.quiet.wait().await;
        catch_panic(self.callback.done(self.handle_for_done(), HResult::MAPI_E_USER_CANCEL)).await;
    }

    pub(super) fn stop_ticker(&self) {
        self.stopped.set(true);
    }

    async fn tick(&self) {
        let is_told = self.kept.shutdown.as_ref().is_some_and(|shutdown| shutdown.is_told());
        if self.position.get().max > 0 && !is_told {
            self.report(None, |position| *position).await;
        }
    }

    /// Reports progress. When it is this call's turn, `count` moves the position and returns what
    /// to report.
    async fn report(
        &self,
        text: Option<&str>,
        count: impl FnOnce(&mut Position) -> Position + Send,
    ) {
        let _turn = match &self.turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        if self.exits() {
            return;
        }
        let position = self.position.update(count);
        let provider = &self.run.scenario().provider;
        let (index, max) = position.shown(provider);
        let call = self.callback.progress(wording(provider, text), index, max);
        let answer = if self.run.is(Mutant::DiesOnCallbackPanic) {
            call.await
        } else {
            catch_panic(call).await
        };
        self.react(answer);
        let stopped = self.cancel.is_requested();
        if position.done == self.run.plan(self.account).total && !stopped {
            self.position.update(|position| position.told_complete = true);
        }
    }

    async fn error(&self, code: HResult, text: Option<&str>) {
        let _turn = match &self.turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        if self.exits() {
            return;
        }
        let answer = catch_panic(self.callback.error(code, text)).await;
        self.react(answer);
    }

    /// Reacts to the host's answer.
    fn react(&self, answer: HResult) {
        if answer == HResult::MAPI_W_CANCEL_MESSAGE {
            self.cancel.request();
        }
        if answer.is_failure() && self.run.is(Mutant::StopsOnCallbackFailure) {
            self.broken.set(true);
        }
    }
}

/// The reports of one sync.
#[derive(Clone)]
pub(super) struct RawProgress {
    state: Arc<SyncState>,
}

impl RawProgress {
    pub(super) fn new(state: &Arc<SyncState>) -> Self {
        Self { state: Arc::clone(state) }
    }

    /// The server cannot be reached.
    pub(super) async fn connect_failed(&self, code: HResult) {
        if !self.is(Mutant::NoDoneOffline) {
            self.state.error(code, Some("The server cannot be reached")).await;
        }
    }

    /// Begins a report, and moves it to a new task if the host does not answer at once.
    async fn report_unawaited(
        &self,
        unit: &Unit,
        count: impl FnOnce(&mut Position) -> Position + Send + 'static,
    ) {
        let (state, text) = (Arc::clone(&self.state), unit.text.clone());
        let mut report: BoxFuture = Box::pin(async move { state.report(Some(&text), count).await });
        if poll_once(&mut report).await.is_none()
            && let Ok(task) = self.state.runtime.spawn("last report".into(), report)
        {
            task.detach();
        }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.state.run.is(mutant)
    }
}

async fn poll_once(future: &mut BoxFuture) -> Option<()> {
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(Some(())),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

impl ProgressSink for RawProgress {
    /// The position that the step will be reported with, if it is taken too early.
    type Ticket = Option<u32>;

    async fn phase(&self, phase: &Phase) {
        let plan = self.state.run.plan(self.state.account);
        let max = maximum(&self.state.run.scenario().provider, plan, phase);
        let max = max - u32::from(self.is(Mutant::IndexBeyondMaximum));
        let text = &phase.units[0].text;
        let report = |position: &mut Position| {
            position.max = max;
            *position
        };
        self.state.report(Some(text), report).await;
    }

    fn begin(&self) -> Option<u32> {
        self.is(Mutant::IndexBeforeAwait).then(|| {
            self.state.position.update(|position| {
                position.done += 1;
                position.done
            })
        })
    }

    async fn retry(&self, unit: &Unit) {
        if self.is(Mutant::RetryCountsTwice) {
            self.state.position.update(|position| position.done += 1);
        }
        if self.is(Mutant::RetryGoesBack) {
            self.state.report(Some(&unit.text), |position| Position { done: 0, ..*position }).await;
        }
    }

    async fn step(&self, unit: &Unit, ticket: Option<u32>, last: bool) {
        let provider = &self.state.run.scenario().provider;
        if provider.progress == Step::Folder && !last {
            self.state.position.update(|position| position.done += 1);
            return;
        }
        let early = self.is(Mutant::CompleteTooEarly);
        let state = Arc::clone(&self.state);
        let count = move |position: &mut Position| {
            if let Some(taken) = ticket {
                // The position was taken early and is reported late. Only the last report of all is
                // right.
                let reported = state.reported.fetch_add(1, Ordering::Relaxed) + 1;
                let last = reported == position.max;
                let done = if last { position.max } else { taken.min(position.max - 1) };
                return Position { done, ..*position };
            }
            position.done += 1;
            Position { done: if early { position.max } else { position.done }, ..*position }
        };
        let all = self.state.position.get();
        let ends = all.done + 1 == all.max;
        if ends && self.is(Mutant::StopsShort) {
            self.state.position.update(count);
        } else if ends && self.is(Mutant::UnawaitedReport) {
            self.report_unawaited(unit, count).await;
        } else {
            self.state.report(Some(&unit.text), count).await;
        }
        let corrects = self.is(Mutant::IndexBeyondMaximum) || self.is(Mutant::RetryCountsTwice);
        if corrects && self.state.position.with(|position| position.done > position.max) {
            let correct = |position: &mut Position| {
                position.max = position.done;
                *position
            };
            self.state.report(None, correct).await;
        }
        if last && self.is(Mutant::CountsBeforeReport) {
            self.state.count_unit();
            engine::yield_now().await;
            self.state.report(None, |position| *position).await;
        }
    }

    async fn failed(&self, unit: &Unit, code: HResult, left: u32) {
        if self.is(Mutant::OkAfterError) || self.is(Mutant::OkAfterLateError) {
            // What failed counts as done.
            let count = move |position: &mut Position| {
                position.done += left;
                *position
            };
            self.state.report(None, count).await;
        }
        let code = if self.is(Mutant::ErrorWithSuccess) { HResult::S_OK } else { code };
        let text = (!self.is(Mutant::ErrorWithoutText)).then_some(unit.error.as_str());
        if self.is(Mutant::LateError) {
            let (state, text) = (Arc::clone(&self.state), unit.error.clone());
            let late = Box::pin(async move {
                sleep_ms(0).await;
                state.error(code, Some(&text)).await;
            });
            if let Ok(task) = self.state.runtime.spawn("late error".into(), late) {
                task.detach();
            }
            return;
        }
        self.state.error(code, text).await;
    }

    fn stop_requested(&self) -> bool {
        let blind = self.is(Mutant::IgnoresCancel) || self.is(Mutant::CancelTooLate);
        !blind && self.state.cancel.is_requested() || self.state.is_broken()
    }

    async fn stop(&self) {
        if self.is(Mutant::IgnoresCancel) || self.is(Mutant::CancelTooLate) {
            std::future::pending::<()>().await;
        }
        self.state.cancel.requested().await;
    }
}

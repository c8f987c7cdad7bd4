//! The host's side of one checked sync.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use mapi_sync::{EventOut, HResult, RawEvent, SyncProgressCallback};

use super::event::EventWatch;
use super::plan::Behaviour;
use super::run::Run;
use super::{Habit, ProcessRule};
use crate::lock::lock;

/// How long a slow host takes to return from a call.
const SLOW_CALL: Duration = Duration::from_millis(20);

/// How many calls of a sync a slow host is slow at. More would only make a long sync longer.
const SLOW_CALLS: u64 = 50;

/// How a host lingers in Done: it looks at the event this often, with this time between.
const LINGER: (u32, Duration) = (8, Duration::from_millis(60));

/// The callback of one sync, and the host's view of its event.
pub(super) struct Host {
    run: Arc<Run>,
    number: u32,
    behaviour: Behaviour,
    cancel_at: Option<Instant>,
    asks_to_stop: AtomicBool,
    calls: AtomicU64,
    done: AtomicBool,
    references: AtomicI64,
    /// Since when neither side has done anything, and where the host is meanwhile.
    last: Mutex<(Instant, Option<&'static str>)>,
    /// The one sync that is started beside this one has been.
    started_another: AtomicBool,
    event: OnceLock<Arc<EventWatch>>,
}

impl Host {
    pub(super) fn new(run: &Arc<Run>, number: u32, behaviour: Behaviour) -> Self {
        let now = Instant::now();
        Self {
            run: Arc::clone(run),
            number,
            behaviour,
            cancel_at: run.check.cancel_after.map(|after| now + after),
            asks_to_stop: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            done: AtomicBool::new(false),
            references: AtomicI64::new(0),
            last: Mutex::new((now, None)),
            started_another: AtomicBool::new(false),
            event: OnceLock::new(),
        }
    }

    pub(super) fn watch_with(&self, event: EventWatch) {
        // Set once, before the sync is started.
        let _ = self.event.set(Arc::new(event));
    }

    fn event(&self) -> &Arc<EventWatch> {
        self.event.get().expect("set before the sync is started")
    }

    pub(super) fn event_out(&self) -> Arc<dyn EventOut> {
        Arc::clone(self.event()) as Arc<dyn EventOut>
    }

    pub(super) fn published(&self) -> RawEvent {
        self.event().published()
    }

    pub(super) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Acquire)
    }

    pub(super) fn references(&self) -> i64 {
        self.references.load(Ordering::Acquire)
    }

    /// For how long nothing has happened, and in what the host's own call is stuck, if in any.
    pub(super) fn silence(&self) -> (Duration, Option<&'static str>) {
        let (since, inside) = *lock(&self.last);
        (since.elapsed(), inside)
    }

    /// From now on Progress and Error ask to stop.
    pub(super) fn ask_to_stop(&self) {
        self.asks_to_stop.store(true, Ordering::Release);
    }

    /// Whether the event has occurred. Reports it to the monitor.
    pub(super) fn look_for_signal(&self) -> bool {
        self.event().look()
    }

    /// Closes the published handle, unless it is closed already.
    pub(super) fn close_published(&self) {
        self.event().close();
    }

    /// Closes the host's own handle to the event: the callback object may live on.
    pub(super) fn forget_event(&self) {
        self.event().forget();
    }

    /// What each call begins with.
    fn called(&self, method: &'static str) {
        *lock(&self.last) = (Instant::now(), None);
        let before = self.calls.fetch_add(1, Ordering::AcqRel);
        // Look at every call, to see a signal that comes too early.
        self.event().look();
        if mapi_sync_probe::holds_loader_lock() {
            let message =
                format!("{method} of sync {} was called under the loader lock", self.number);
            self.run.found_once(ProcessRule::LoaderLock, message);
        }
        // This is the provider's thread, so nothing else is delayed.
        if self.behaviour.has(Habit::Slow) && method != "Done" && before < SLOW_CALLS {
            self.run.did(Habit::Slow);
            std::thread::sleep(SLOW_CALL);
        }
    }

    /// Starts another sync, once, on the thread of the call that this is inside of.
    fn may_start_another(&self, habit: Habit, inside: &'static str) {
        if !self.behaviour.has(habit) || self.started_another.swap(true, Ordering::AcqRel) {
            return;
        }
        *lock(&self.last) = (Instant::now(), Some(inside));
        if self.run.start_another_here(inside) {
            self.run.did(habit);
        }
    }

    /// What each call ends with: its answer.
    fn answer(&self, fails: Habit) -> HResult {
        *lock(&self.last) = (Instant::now(), None);
        self.run.flush();
        if self.behaviour.has(fails) {
            self.run.did(fails);
            return self.behaviour.failure;
        }
        let cancelled = self.cancel_at.is_some_and(|at| Instant::now() >= at);
        if fails != Habit::DoneFails && (cancelled || self.asks_to_stop.load(Ordering::Acquire)) {
            return HResult::MAPI_W_CANCEL_MESSAGE;
        }
        HResult::S_OK
    }

    fn linger(&self) {
        self.run.did(Habit::LingersInDone);
        let (times, between) = LINGER;
        for _ in 0..times {
            std::thread::sleep(between);
            self.event().look();
        }
    }
}

#[async_trait]
impl SyncProgressCallback for Host {
    async fn progress(&self, _text: Option<&str>, _index: u32, _index_max: u32) -> HResult {
        self.called("Progress");
        self.may_start_another(Habit::StartsInProgress, "Progress");
        self.answer(Habit::ProgressFails)
    }

    async fn error(&self, _result: HResult, _text: Option<&str>) -> HResult {
        self.called("Error");
        self.may_start_another(Habit::StartsInError, "Error");
        self.answer(Habit::ErrorFails)
    }

    async fn done(&self, event: RawEvent, _status: HResult) -> HResult {
        self.called("Done");
        self.may_start_another(Habit::StartsInDone, "Done");
        if self.behaviour.has(Habit::LingersInDone) {
            self.linger();
        }
        if self.behaviour.closes_in_done && !event.is_null() && event == self.published() {
            self.event().close();
        }
        let answer = self.answer(Habit::DoneFails);
        self.done.store(true, Ordering::Release);
        answer
    }

    fn add_ref(&self) {
        self.references.fetch_add(1, Ordering::AcqRel);
    }

    fn release(&self) {
        self.references.fetch_sub(1, Ordering::AcqRel);
        self.run.flush();
    }
}

//! The host's side of one checked sync.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use mapi_sync::com::{self, Waited};
use mapi_sync::contract::{Call, Party, SyncWatch};
use mapi_sync::{EventOut, HResult, OwnedEvent, RawEvent, SyncProgressCallback};

use crate::lock::lock;

/// How long a slow host takes to return from a call.
const SLOW_CALL: Duration = Duration::from_millis(20);

/// The callback of one sync, and the host's view of its event.
pub(super) struct Host {
    closes_in_done: bool,
    is_slow: bool,
    cancel_at: Option<Instant>,
    calls: AtomicU64,
    done: AtomicBool,
    references: AtomicI64,
    event: OnceLock<Arc<EventWatch>>,
}

impl Host {
    pub(super) fn new(closes_in_done: bool, is_slow: bool, cancel_after: Option<Duration>) -> Self {
        Self {
            closes_in_done,
            is_slow,
            cancel_at: cancel_after.map(|after| Instant::now() + after),
            calls: AtomicU64::new(0),
            done: AtomicBool::new(false),
            references: AtomicI64::new(0),
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

    fn answer(&self) -> HResult {
        self.calls.fetch_add(1, Ordering::AcqRel);
        // Look at every call, to see a signal that comes too early.
        self.event().look();
        if self.is_slow {
            // This is the provider's thread, so nothing else is delayed.
            std::thread::sleep(SLOW_CALL);
        }
        match self.cancel_at {
            Some(at) if Instant::now() >= at => HResult::MAPI_W_CANCEL_MESSAGE,
            _ => HResult::S_OK,
        }
    }
}

#[async_trait]
impl SyncProgressCallback for Host {
    async fn progress(&self, _text: Option<&str>, _index: u32, _index_max: u32) -> HResult {
        self.answer()
    }

    async fn error(&self, _result: HResult, _text: Option<&str>) -> HResult {
        self.answer()
    }

    async fn done(&self, event: RawEvent, _status: HResult) -> HResult {
        self.calls.fetch_add(1, Ordering::AcqRel);
        self.event().look();
        if self.closes_in_done && !event.is_null() && event == self.published() {
            self.event().close();
        }
        self.done.store(true, Ordering::Release);
        HResult::S_OK
    }

    fn add_ref(&self) {
        self.references.fetch_add(1, Ordering::AcqRel);
    }

    fn release(&self) {
        self.references.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A published event, seen from outside: the effects of the provider's calls on it show, the calls
/// themselves do not.
pub(super) struct EventWatch {
    out: Arc<dyn EventOut>,
    watch: SyncWatch,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The host's own handle. It shows the signal even after the published one is closed.
    private: Option<OwnedEvent>,
    signalled: bool,
    closed: bool,
}

impl EventWatch {
    pub(super) fn new(out: Arc<dyn EventOut>, watch: SyncWatch) -> Self {
        Self { out, watch, state: Mutex::default() }
    }

    fn look(&self) -> bool {
        let mut state = lock(&self.state);
        if !state.signalled
            && let Some(private) = &state.private
            && com::wait(private.raw(), Duration::ZERO) == Waited::Signalled
        {
            let event = private.raw();
            state.signalled = true;
            drop(state);
            self.watch.observe(Call::EventSet { by: Party::Provider, event });
            return true;
        }
        state.signalled
    }

    fn forget(&self) {
        lock(&self.state).private = None;
    }

    fn close(&self) {
        let event = self.published();
        {
            let mut state = lock(&self.state);
            if event.is_null() || std::mem::replace(&mut state.closed, true) {
                return;
            }
        }
        // Look first: under a debugger, closing a handle that is not open counts as the provider's
        // defect.
        let open = com::wait(event, Duration::ZERO) != Waited::Invalid;
        if !open || com::events().close(event) != HResult::S_OK {
            // It was open when it was published, and the host did not close it, so the provider
            // did.
            self.watch.observe(Call::EventClosed { by: Party::Provider, event });
        }
    }
}

impl EventOut for EventWatch {
    fn publish(&self, event: RawEvent) -> HResult {
        // If it cannot be duplicated, it is not an open handle. The monitor then gets no report
        // of it, and finds that out.
        if let Ok(private) = OwnedEvent::duplicate_of(&com::events(), event) {
            self.watch.observe(Call::EventCreated { event });
            let copy = private.raw();
            self.watch.observe(Call::EventDuplicated {
                by: Party::Provider,
                from: event,
                event: copy,
            });
            let mut state = lock(&self.state);
            state.private = Some(private);
        }
        self.out.publish(event)
    }

    fn published(&self) -> RawEvent {
        self.out.published()
    }
}

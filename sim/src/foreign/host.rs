//! The host's side of one checked sync.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use mapi_sync::com::{self, Waited};
use mapi_sync::contract::{Call, Party, SyncWatch};
use mapi_sync::{EventOut, HResult, OwnedEvent, RawEvent, SyncProgressCallback};

use crate::lock::lock;

/// How long a host that takes its time takes.
const DAWDLE: Duration = Duration::from_millis(20);

/// The callback of one sync, and what the host knows of its event.
pub(super) struct Host {
    closes_in_done: bool,
    dawdles: bool,
    cancel_at: Option<Instant>,
    calls: AtomicU64,
    done: AtomicBool,
    references: AtomicI64,
    event: OnceLock<Arc<EventWatch>>,
}

impl Host {
    pub(super) fn new(closes_in_done: bool, dawdles: bool, cancel_after: Option<Duration>) -> Self {
        Self {
            closes_in_done,
            dawdles,
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

    /// Whether the event has occurred; tells the monitor.
    pub(super) fn look_for_signal(&self) -> bool {
        self.event().look()
    }

    /// Closes the published handle, unless that is done.
    pub(super) fn close_published(&self) {
        self.event().close();
    }

    /// Gives back what the host holds of the event itself: its callback object may live on.
    pub(super) fn forget_event(&self) {
        self.event().forget();
    }

    fn answer(&self) -> HResult {
        self.calls.fetch_add(1, Ordering::AcqRel);
        // A signal that comes too early is best seen early.
        self.event().look();
        if self.dawdles {
            // The caller's own thread: nothing of ours runs on it.
            std::thread::sleep(DAWDLE);
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

/// A published event, seen from outside: a provider's own calls on it are its secret, their effects
/// are not.
pub(super) struct EventWatch {
    out: Arc<dyn EventOut>,
    watch: SyncWatch,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// A handle of the host's own, so that the signal is seen whoever closes the published one.
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
        // Asked first: a close that fails would be counted as one of the provider's.
        let open = com::wait(event, Duration::ZERO) != Waited::Invalid;
        if !open || com::events().close(event) != HResult::S_OK {
            // Open when it was published, not closed by the host: closed by the provider.
            self.watch.observe(Call::EventClosed { by: Party::Provider, event });
        }
    }
}

impl EventOut for EventWatch {
    fn publish(&self, event: RawEvent) -> HResult {
        // A handle that cannot be duplicated is none, and the monitor, told of no such handle, says
        // so.
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

//! One dedicated thread per sync, with its own runtime. Whatever happens on it, a sync that was
//! started ends with one Done, gives its references back, and signals the event last.

mod request;
mod rescue;
mod stage;
mod state;
mod tasks;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use self::request::{Contained, HostUnknown, Out};
use self::rescue::RescueOf;
use self::state::WorkerState;
use self::tasks::WorkerRuntime;
use super::abi::{Borrowed, OutPointer};
use super::deferred::DeferredEvents;
use super::entry::{self, ThreadEntry};
use super::guard;
use super::incident::{Incident, Incidents};
use super::session::ComSession;
use super::thread::{self, Form};
use crate::lock::lock;
use crate::{HResult, MapiSession, MapiSync, SyncFlags, SyncRequest, TokioRuntime};

/// How long a new thread may take until it begins to run.
const BEGINS_WITHIN: Duration = Duration::from_secs(5);

/// How a provider's syncs run.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) entry: Option<ThreadEntry>,
    pub(crate) incidents: Incidents,
    /// How long the tasks that are left may go on once Done has returned, or once one has
    /// panicked.
    pub(crate) grace: Duration,
    /// How long a sync without tasks may be silent while it owes a Done.
    pub(crate) silence: Duration,
    pub(crate) thread: Form,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            entry: None,
            incidents: Incidents::default(),
            grace: Duration::from_secs(5),
            silence: Duration::from_secs(300),
            thread: Form::named("mapi-sync worker"),
        }
    }
}

/// The part of a provider that its COM objects and its workers share.
pub(crate) struct Core {
    /// `None` only during the drop.
    provider: Option<Arc<dyn MapiSync>>,
    settings: Settings,
}

impl Core {
    pub(crate) fn new(provider: Arc<dyn MapiSync>, settings: Settings) -> Self {
        Self { provider: Some(provider), settings }
    }

    pub(crate) fn provider(&self) -> &Arc<dyn MapiSync> {
        self.provider.as_ref().expect("here until the drop")
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        let provider = self.provider.take();
        // The last Release of a COM object leads here, and no panic may leave it.
        self.settings.incidents.contain(move || drop(provider));
    }
}

/// The order that a start hands over to its worker. The host keeps the objects alive until the
/// start has returned.
pub(crate) struct Order {
    pub(crate) core: Arc<Core>,
    /// The store object that the provider is part of. It must outlive the sync.
    pub(crate) store: Option<Borrowed>,
    pub(crate) flags: SyncFlags,
    pub(crate) session: Option<Borrowed>,
    pub(crate) callback: Borrowed,
}

/// Runs a sync on a new thread and returns the answer of its start.
///
/// The out-pointer has been written when this returns success, and is NULL or untouched when it
/// returns a failure.
pub(crate) fn run(order: Order, out: OutPointer) -> HResult {
    run_on(order, out, BEGINS_WITHIN, thread::spawn)
}

type Body = Box<dyn FnOnce() + Send>;

fn run_on(
    order: Order,
    out: OutPointer,
    within: Duration,
    spawn: impl FnOnce(&Form, Body) -> Result<(), HResult>,
) -> HResult {
    let (answer, answered) = mpsc::sync_channel(1);
    let form = order.core.settings().thread.clone();
    let shared = Arc::new(WorkerState::new(order, answer, out));
    shared.callback.set_rescue(Arc::new(RescueOf(Arc::downgrade(&shared))));
    let worker = Arc::clone(&shared);
    let spawned = spawn(&form, Box::new(move || work(&worker)));
    let result = match spawned {
        Ok(()) => shared.wait_for(&answered, within),
        Err(code) => shared.give_up().map_or(HResult::E_UNEXPECTED, |()| code),
    };
    shared.close_out(result);
    result
}

fn work(shared: &Arc<WorkerState>) {
    // The start no longer waits if it has taken the order back.
    let Some(order) = lock(&shared.order).take() else { return };
    let _rescued = guard::rescued_by(Arc::new(RescueOf(Arc::downgrade(shared))));
    // Everything that may panic runs in here; the end below always runs.
    let ran = shared.settings.incidents.contain(|| drive(shared, order));
    if ran.is_none() {
        shared.settle_start(None);
    }
    shared.finish();
}

fn drive(shared: &Arc<WorkerState>, order: Order) {
    let Order { core, store, flags, session, callback } = order;
    if let Err(code) = entry::enter(shared.settings.entry.as_ref()) {
        shared.settle_start(Some(code));
        return;
    }
    // The start waits for the answer, so the host keeps its objects alive.
    if let Err(code) = shared.callback.connect(callback) {
        shared.settle_start(Some(code));
        return;
    }
    *lock(&shared.store) = store.map(Borrowed::hold);
    let session = session.map(|session| ComSession::held(session.hold()));
    lock(&shared.session).clone_from(&session);

    let threads = Arc::new(AtomicUsize::new(0));
    let (began, ended) = (Arc::clone(&threads), Arc::clone(&threads));
    let built = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .on_thread_start(move || _ = began.fetch_add(1, Ordering::AcqRel))
        .on_thread_stop(move || _ = ended.fetch_sub(1, Ordering::AcqRel))
        .build();
    let Ok(runtime) = built else {
        shared.settle_start(Some(HResult::E_OUTOFMEMORY));
        return;
    };
    let published: Weak<WorkerState> = Arc::downgrade(shared);
    let events = Arc::new(DeferredEvents::new(published));
    // Only this thread sets it, once.
    let _ = shared.events.set(Arc::clone(&events));
    let handle = TokioRuntime::new(runtime.handle().clone(), events);
    let runtime_handle = Arc::new(WorkerRuntime { shared: Arc::clone(shared), tokio: handle });
    shared.can_query.store(true, Ordering::Release);
    let unknown = HostUnknown(Arc::clone(shared));
    let mut request = SyncRequest::new(Arc::clone(&shared.callback) as _, runtime_handle)
        .with_callback_unknown(Some(Arc::new(unknown)))
        .with_flags(flags)
        .with_event_out(Arc::new(Out(Arc::clone(shared))))
        .with_cancel(shared.cancel.clone());
    if let Some(session) = session {
        request = request.with_session(MapiSession::new(session));
    }
    runtime.block_on(async {
        let start = core.provider().synchronize_in_background(request);
        let started = Contained { future: start, shared }.await;
        drop(core);
        if shared.settle_start(started) {
            shared.until_over().await;
        }
    });
    shared.report_tasks();
    // This drops the tasks that are left, and waits for closures that block.
    let grace = shared.settings.grace.max(Duration::from_millis(1));
    let began = Instant::now();
    runtime.shutdown_timeout(grace);
    if began.elapsed() >= grace {
        // A thread may be left, even one that has not begun yet.
        thread::pin();
        let count = threads.load(Ordering::Acquire);
        if count > 0 {
            shared.settings.incidents.report(&Incident::ThreadsLeft { count });
        }
    }
}

impl WorkerState {
    /// Waits for the answer of the start.
    fn wait_for(&self, answered: &Receiver<HResult>, within: Duration) -> HResult {
        let answer = match answered.recv_timeout(within) {
            Err(RecvTimeoutError::Timeout) => match self.give_up() {
                Some(()) => {
                    self.settings.incidents.report(&Incident::NotBegun);
                    return HResult::E_UNEXPECTED;
                }
                // It has begun, so it is going to answer.
                None => answered.recv().ok(),
            },
            answer => answer.ok(),
        };
        // The worker answers on every path; without an answer its memory is gone with the answer in
        // it.
        answer.unwrap_or(HResult::E_UNEXPECTED)
    }

    /// Takes the order back; `None` if the worker has begun.
    fn give_up(&self) -> Option<()> {
        lock(&self.order).take()?;
        let core = lock(&self.core).take();
        drop(core);
        drop(lock(&self.live).take());
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::callback::KnownCallback;
    use crate::com::Inbound;
    use crate::{RawEvent, SyncProgressCallback};

    struct Unused;

    #[async_trait]
    impl MapiSync for Unused {
        async fn synchronize_in_background(&self, _: SyncRequest) -> HResult {
            HResult::S_OK
        }
    }

    #[async_trait]
    impl SyncProgressCallback for Unused {
        async fn progress(&self, _: Option<&str>, _: u32, _: u32) -> HResult {
            HResult::S_OK
        }

        async fn error(&self, _: HResult, _: Option<&str>) -> HResult {
            HResult::S_OK
        }

        async fn done(&self, _: RawEvent, _: HResult) -> HResult {
            panic!("no sync was started")
        }
    }

    #[test]
    fn a_thread_that_begins_too_late_fails_the_start_and_does_nothing() {
        let host = Inbound::direct(Arc::new(KnownCallback(Arc::new(Unused))));
        let unknown = host.to_unknown();
        let incidents = Arc::new(Mutex::new(Vec::new()));
        let reported = Arc::clone(&incidents);
        let settings = Settings {
            incidents: Incidents::new(move |incident| lock(&reported).push(incident.clone())),
            ..Settings::default()
        };
        let provider: Arc<dyn MapiSync> = Arc::new(Unused);
        let order = Order {
            core: Arc::new(Core::new(Arc::clone(&provider), settings)),
            store: None,
            flags: SyncFlags::empty(),
            session: None,
            callback: Borrowed::of(&unknown),
        };
        // As under the loader lock: the thread exists, and begins when the start has returned.
        let mut thread = None;
        let result = run_on(order, OutPointer::nowhere(), Duration::from_millis(10), |_, body| {
            thread = Some(body);
            Ok(())
        });
        assert_eq!(result, HResult::E_UNEXPECTED);
        assert_eq!(*lock(&incidents), [Incident::NotBegun]);
        assert_eq!(Arc::strong_count(&provider), 1);
        drop(unknown);
        assert_eq!(host.references(), 0);
        thread.expect("a thread")();
        assert_eq!(host.references(), 0);
        assert_eq!(lock(&incidents).len(), 1);
    }
}

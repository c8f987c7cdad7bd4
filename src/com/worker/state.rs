//! What the start, the worker and a rescue of one sync share: how the start is answered, the event
//! published, and the sync ended, each once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Waker;
use std::thread::{ThreadId, current};

use super::tasks::Tasks;
use super::{Core, Order, Settings};
use crate::com::abi::{Held, OutPointer};
use crate::com::deferred::{DeferredEvents, Published};
use crate::com::incident::Incident;
use crate::com::outbound::Outbound;
use crate::com::session::ComSession;
use crate::com::thread::LiveWorker;
use crate::com::{entry, kernel};
use crate::lock::lock;
use crate::{CancelSignal, HResult, OwnedEvent, RawEvent};

/// The state that the start, the worker and a rescue share.
pub(super) struct WorkerState {
    pub(super) settings: Settings,
    /// Taken by the worker, or by the start if the thread does not begin: whoever is first.
    pub(super) order: Mutex<Option<Order>>,
    pub(super) callback: Arc<Outbound>,
    /// Whether the provider can ask for the callback: the request exists.
    pub(super) can_query: AtomicBool,
    /// Closed once the start has returned.
    out: OutPointer,
    /// The handle in the out-pointer, by value: the host owns it after Done.
    pub(super) published: AtomicUsize,
    /// The provider has closed that handle.
    published_closed: AtomicBool,
    /// Another handle to the published event, to signal it last whatever the provider did.
    private: Mutex<Option<OwnedEvent>>,
    /// The events of the provider.
    pub(super) events: OnceLock<Arc<DeferredEvents>>,
    answer: Mutex<Option<SyncSender<HResult>>>,
    /// The result of the start.
    settled: Mutex<Option<HResult>>,
    pub(super) started: AtomicBool,
    pub(super) finished: AtomicBool,
    /// The provider may hold the session for ever: it owed a Done, or an exception has parked one
    /// of its threads.
    pub(super) revokes: AtomicBool,
    /// The thread that ends the sync.
    pub(super) finisher: Mutex<Option<ThreadId>>,
    pub(super) tasks: Mutex<Tasks>,
    /// Whether the start or a task has panicked.
    pub(super) has_panicked: AtomicBool,
    pub(super) waker: Mutex<Option<Waker>>,
    pub(super) cancel: CancelSignal,
    // What the sync holds while it runs. Whoever ends it gives them back, one by one: a foreign
    // method may throw in between.
    pub(super) core: Mutex<Option<Arc<Core>>>,
    pub(super) store: Mutex<Option<Held>>,
    pub(super) session: Mutex<Option<ComSession>>,
    pub(super) live: Mutex<Option<LiveWorker>>,
}

impl WorkerState {
    pub(super) fn new(order: Order, answer: SyncSender<HResult>, out: OutPointer) -> Self {
        Self {
            settings: order.core.settings().clone(),
            core: Mutex::new(Some(Arc::clone(&order.core))),
            order: Mutex::new(Some(order)),
            callback: Arc::new(Outbound::unconnected()),
            can_query: AtomicBool::new(false),
            out,
            published: AtomicUsize::new(0),
            published_closed: AtomicBool::new(false),
            private: Mutex::new(None),
            events: OnceLock::new(),
            answer: Mutex::new(Some(answer)),
            settled: Mutex::new(None),
            started: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            revokes: AtomicBool::new(false),
            finisher: Mutex::new(None),
            tasks: Mutex::default(),
            has_panicked: AtomicBool::new(false),
            waker: Mutex::new(None),
            cancel: CancelSignal::new(),
            store: Mutex::new(None),
            session: Mutex::new(None),
            live: Mutex::new(Some(LiveWorker::new())),
        }
    }

    /// Settles the result of the start, once, and returns whether it is a success. The answer goes
    /// out at once then; the one of a failing start goes out when everything is given back.
    /// `result` is `None` after a panic of the provider.
    pub(super) fn settle_start(&self, result: Option<HResult>) -> bool {
        let mut settled = lock(&self.settled);
        if let Some(result) = *settled {
            return !result.is_failure();
        }
        self.has_panicked.fetch_or(result.is_none(), Ordering::AcqRel);
        let mut result = match result {
            Some(result) => result,
            // The callback was called, so the sync counts as started, and a Done must follow.
            None if self.callback.was_called() => HResult::S_OK,
            None => HResult::E_UNEXPECTED,
        };
        if !result.is_failure()
            && self.published().is_null()
            && let Err(code) = self.publish_own()
        {
            result = code;
        }
        self.started.store(!result.is_failure(), Ordering::Release);
        *settled = Some(result);
        drop(settled);
        if !result.is_failure() {
            self.answer(result);
        }
        !result.is_failure()
    }

    fn answer(&self, result: HResult) {
        if let Some(answer) = lock(&self.answer).take() {
            // The start is still waiting for this.
            let _ = answer.send(result);
        }
    }

    /// Publishes an event for a provider that published none.
    fn publish_own(&self) -> Result<(), HResult> {
        let event = OwnedEvent::create(&kernel::events())?;
        self.publish(event.raw()).ok().map(drop)?;
        // From here on the host must close it.
        let _ = event.into_raw();
        Ok(())
    }

    pub(super) fn published(&self) -> RawEvent {
        RawEvent::from_value(self.published.load(Ordering::Acquire))
    }

    pub(super) fn publish(&self, event: RawEvent) -> HResult {
        let private = if event.is_null() {
            None
        } else {
            match OwnedEvent::duplicate_of(&kernel::events(), event) {
                Ok(private) => Some(private),
                Err(code) => return code,
            }
        };
        *lock(&self.private) = private;
        self.published_closed.store(false, Ordering::Release);
        self.published.store(event.value(), Ordering::Release);
        self.out.write(event);
        HResult::S_OK
    }

    /// Closes the out-pointer when the start returns. A failed start leaves no event in it.
    pub(super) fn close_out(&self, result: HResult) {
        let left_behind = result.is_failure() && !self.published().is_null();
        self.out.close(left_behind.then_some(RawEvent::NULL));
    }

    /// Closes the event that a failed start has published and left behind. The host never sees it.
    fn close_left_behind(&self) {
        let event = self.published();
        if event.is_null() || self.published_closed.load(Ordering::Acquire) {
            return;
        }
        // A provider that failed by itself may have closed a handle that it got from the kernel
        // directly, and somebody else may have one of that value now.
        let is_known = self.events.get().is_some_and(|events| events.knows(event));
        if is_known || self.has_panicked.load(Ordering::Acquire) {
            // If it is not open after all, there is nothing to close.
            let _ = kernel::events().close(event);
        }
    }

    /// Ends the sync, once: the missing Done, then the references, then the event.
    pub(super) fn finish(&self) {
        if self.finished.swap(true, Ordering::AcqRel) {
            // A rescue has done it, and the work of this thread is over.
            entry::leave();
            return;
        }
        *lock(&self.finisher) = Some(current().id());
        if self.started.load(Ordering::Acquire) {
            if !self.callback.has_done_begun() {
                self.revokes.store(true, Ordering::Release);
                let references = self.callback.references();
                self.settings.incidents.report(&Incident::DoneOwed { references });
            }
            self.callback.finish(self.published(), HResult::E_UNEXPECTED);
        }
        self.conclude();
    }

    /// Does what comes after the Done. If an exception stops it, it is called again, and goes on
    /// after that.
    pub(super) fn conclude(&self) {
        self.callback.close();
        // These may be the last references: the provider's own Drop may run here, and panic.
        let core = lock(&self.core).take();
        drop(core);
        let store = lock(&self.store).take();
        drop(store);
        let session = lock(&self.session).take();
        if let Some(session) = session
            && self.revokes.load(Ordering::Acquire)
        {
            session.revoke();
        }
        entry::leave();
        // The thread itself holds the module until its last instruction.
        drop(lock(&self.live).take());
        let result = *lock(&self.settled);
        let is_failure = result.is_some_and(HResult::is_failure);
        let private = lock(&self.private).take();
        if is_failure {
            self.close_left_behind();
        } else if let Some(event) = private {
            // Our own open handle: this cannot fail.
            let _ = event.set();
        }
        // A start that fails gives everything back before it returns.
        if let Some(result) = result {
            self.answer(result);
        }
        self.wake();
    }
}

impl Published for WorkerState {
    fn awaited(&self) -> Option<RawEvent> {
        let awaited = lock(&self.private).is_some();
        awaited.then(|| self.published())
    }

    fn closed(&self) {
        self.published_closed.store(true, Ordering::Release);
    }
}

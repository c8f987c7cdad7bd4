//! One dedicated thread per sync, with its own runtime. Whatever happens on it, a sync that was
//! started ends with one Done, gives its references back, and signals the event last.

use std::any::Any;
use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};
use std::thread::{ThreadId, current};
use std::time::Duration;

use super::abi::{FreeThreaded, OutPointer};
use super::deferred::{DeferredEvents, Published};
use super::outbound::{Outbound, Rescue};
use super::thread::{self, LiveWorker};
use super::{guard, kernel};
use crate::lock::lock;
use crate::{
    BoxFuture, CancelSignal, EventOut, Events, HResult, MapiSession, MapiSync, OwnedEvent,
    RawEvent, Runtime, Shared, SyncFlags, SyncRequest, TaskHandle, TokioRuntime,
};

/// Makes the value that a worker thread holds while it works for the provider.
pub(crate) type EnterThread = dyn Fn() -> Box<dyn Any> + Send + Sync;

/// The part of a provider that its COM objects and its workers share.
pub(crate) struct Core {
    /// `None` only during the drop.
    provider: Option<Arc<dyn MapiSync>>,
    enter_thread: Option<Arc<EnterThread>>,
}

impl Core {
    pub(crate) fn new(provider: Arc<dyn MapiSync>, enter_thread: Option<Arc<EnterThread>>) -> Self {
        Self { provider: Some(provider), enter_thread }
    }

    pub(crate) fn provider(&self) -> &Arc<dyn MapiSync> {
        self.provider.as_ref().expect("here until the drop")
    }

    /// The value to hold while a thread works for the provider.
    fn enter_thread(&self) -> Option<Box<dyn Any>> {
        self.enter_thread.as_ref().map(|enter| enter())
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        let provider = self.provider.take();
        let enter_thread = self.enter_thread.take();
        // The last Release of a COM object leads here, and no panic may leave it.
        guard::contain(move || drop(provider));
        guard::contain(move || drop(enter_thread));
    }
}

/// The order that a start hands over to its worker.
pub(crate) struct Order {
    pub(crate) core: Arc<Core>,
    /// The store object that the provider is part of. It must outlive the sync.
    pub(crate) store: Option<FreeThreaded>,
    pub(crate) flags: SyncFlags,
    pub(crate) session: Option<MapiSession>,
    pub(crate) callback: Outbound,
    pub(crate) out: OutPointer,
}

/// Runs a sync on a new thread and returns the answer of its start.
///
/// The out-pointer has been written when this returns success, and is NULL or untouched when it
/// returns a failure.
pub(crate) fn run(order: Order) -> HResult {
    let Order { core, store, flags, session, callback, out } = order;
    let (answer, answered) = mpsc::sync_channel(1);
    let shared = Arc::new(WorkerState {
        callback: Arc::new(callback),
        out,
        published: AtomicUsize::new(0),
        private: Mutex::new(None),
        answer: Mutex::new(Some(answer)),
        started: AtomicBool::new(false),
        finished: AtomicBool::new(false),
        finisher: Mutex::new(None),
        tasks: AtomicUsize::new(0),
        waker: Mutex::new(None),
        cancel: CancelSignal::new(),
        kept: Mutex::new(Some(Kept { store, core: Arc::clone(&core), live: LiveWorker::new() })),
    });
    shared.callback.set_rescue(Arc::new(RescueOf(Arc::downgrade(&shared))));
    let worker = Arc::clone(&shared);
    let spawned = thread::spawn(move || work(&worker, core, flags, session));
    let result = match spawned {
        Ok(()) => wait_for(&answered),
        Err(code) => {
            drop(lock(&shared.kept).take());
            code
        }
    };
    shared.close_out(result);
    result
}

fn wait_for(answered: &Receiver<HResult>) -> HResult {
    // The worker answers on every path; without an answer its memory is gone with the answer in it.
    answered.recv().unwrap_or(HResult::E_UNEXPECTED)
}

/// The state that the start, the worker and a rescue share.
struct WorkerState {
    callback: Arc<Outbound>,
    /// Closed once the start has returned.
    out: OutPointer,
    /// The handle in the out-pointer, by value: the host owns it after Done.
    published: AtomicUsize,
    /// Another handle to the published event, to signal it last whatever the provider did.
    private: Mutex<Option<OwnedEvent>>,
    answer: Mutex<Option<SyncSender<HResult>>>,
    started: AtomicBool,
    finished: AtomicBool,
    /// The thread that ends the sync.
    finisher: Mutex<Option<ThreadId>>,
    /// The number of tasks that the provider spawned and that have not ended.
    tasks: AtomicUsize,
    waker: Mutex<Option<Waker>>,
    cancel: CancelSignal,
    kept: Mutex<Option<Kept>>,
}

/// The references that the sync holds while it runs. Whoever ends it gives them back.
struct Kept {
    store: Option<FreeThreaded>,
    core: Arc<Core>,
    live: LiveWorker,
}

fn work(
    shared: &Arc<WorkerState>,
    core: Arc<Core>,
    flags: SyncFlags,
    session: Option<MapiSession>,
) {
    // Everything that may panic runs in here; the end below always runs.
    let ran = guard::contain(|| drive(shared, core, flags, session));
    if ran.is_none() {
        shared.answer_start(None);
    }
    shared.finish();
}

fn drive(
    shared: &Arc<WorkerState>,
    core: Arc<Core>,
    flags: SyncFlags,
    session: Option<MapiSession>,
) {
    let _thread_guard = core.enter_thread();
    let built = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let Ok(runtime) = built else {
        return shared.answer_start(Some(HResult::E_OUTOFMEMORY));
    };
    let published: Weak<WorkerState> = Arc::downgrade(shared);
    let events = DeferredEvents::new(published);
    let handle = TokioRuntime::new(runtime.handle().clone(), Arc::new(events));
    let runtime_handle = Arc::new(WorkerRuntime { shared: Arc::clone(shared), tokio: handle });
    let mut request = SyncRequest::new(Arc::clone(&shared.callback) as _, runtime_handle)
        .with_flags(flags)
        .with_event_out(Arc::new(Out(Arc::clone(shared))))
        .with_cancel(shared.cancel.clone());
    if let Some(session) = session {
        request = request.with_session(session);
    }
    runtime.block_on(async {
        let started = Contained(core.provider().synchronize_in_background(request)).await;
        drop(core);
        shared.answer_start(started);
        std::future::poll_fn(|cx| shared.poll_over(cx)).await;
    });
    // Dropping the runtime drops the provider's remaining tasks.
}

impl WorkerState {
    /// Answers the start, once. `result` is `None` after a panic of the provider.
    fn answer_start(&self, result: Option<HResult>) {
        let Some(answer) = lock(&self.answer).take() else { return };
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
        if result.is_failure() {
            // A start that fails gives everything back before it returns.
            self.finish();
        }
        // The start is still waiting for this.
        let _ = answer.send(result);
    }

    /// Publishes an event for a provider that published none.
    fn publish_own(&self) -> Result<(), HResult> {
        let event = OwnedEvent::create(&kernel::events())?;
        self.publish(event.raw()).ok().map(drop)?;
        // From here on the host must close it.
        let _ = event.into_raw();
        Ok(())
    }

    fn published(&self) -> RawEvent {
        RawEvent::from_value(self.published.load(Ordering::Acquire))
    }

    fn publish(&self, event: RawEvent) -> HResult {
        let private = if event.is_null() {
            None
        } else {
            match OwnedEvent::duplicate_of(&kernel::events(), event) {
                Ok(private) => Some(private),
                Err(code) => return code,
            }
        };
        *lock(&self.private) = private;
        self.published.store(event.value(), Ordering::Release);
        self.out.write(event);
        HResult::S_OK
    }

    /// Closes the out-pointer when the start returns. A failed start leaves no event in it.
    fn close_out(&self, result: HResult) {
        let left_behind = result.is_failure() && !self.published().is_null();
        self.out.close(left_behind.then_some(RawEvent::NULL));
    }

    /// Ready once the provider can do no more for this sync, or once a rescue has ended it.
    fn poll_over(&self, cx: &mut Context<'_>) -> Poll<()> {
        *lock(&self.waker) = Some(cx.waker().clone());
        let idle = self.tasks.load(Ordering::Acquire) == 0;
        // One of the provider's own threads may hold a reference and still call Done.
        let over = self.callback.has_done_returned() || !self.callback.is_held();
        if self.finished.load(Ordering::Acquire) || idle && over {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn wake(&self) {
        let waker = lock(&self.waker).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends the sync, once: the missing Done, then the references, then the event.
    fn finish(&self) {
        if self.finished.swap(true, Ordering::AcqRel) {
            return;
        }
        *lock(&self.finisher) = Some(current().id());
        if self.started.load(Ordering::Acquire) {
            self.callback.finish(self.published(), HResult::E_UNEXPECTED);
        } else {
            self.callback.close();
        }
        self.conclude();
    }

    /// Does what comes after the Done, once.
    fn conclude(&self) {
        self.callback.close();
        let kept = lock(&self.kept).take();
        let private = lock(&self.private).take();
        let Some(Kept { store, core, live }) = kept else { return };
        // These may be the last references: the provider's own Drop may run here, and panic.
        guard::contain(move || drop(core));
        guard::contain(move || drop(store));
        // The thread itself holds the module until its last instruction.
        drop(live);
        if let Some(event) = private {
            // Our own open handle: this cannot fail.
            let _ = event.set();
        }
        self.wake();
    }
}

impl Published for WorkerState {
    fn awaited(&self) -> Option<RawEvent> {
        let awaited = lock(&self.private).is_some();
        awaited.then(|| self.published())
    }
}

/// Weak, because the state that it points to holds the callback, which holds this.
struct RescueOf(Weak<WorkerState>);

impl Rescue for RescueOf {
    fn rescue(&self) {
        let Some(shared) = self.0.upgrade() else { return };
        // After an exception out of the last Done only the rest remains to be done.
        let last = *lock(&shared.finisher) == Some(current().id());
        let ending = Arc::clone(&shared);
        let end = move || {
            if last {
                return ending.conclude();
            }
            ending.answer_start(None);
            // Ask the parts of the provider that run on other threads to stop.
            guard::contain(|| ending.cancel.request());
            ending.finish();
        };
        if thread::spawn(end.clone()).is_err() {
            // The system has no thread, so use this one.
            end();
        }
    }

    fn changed(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.wake();
        }
    }
}

/// The out-pointer, as the provider sees it.
struct Out(Arc<WorkerState>);

impl EventOut for Out {
    fn publish(&self, event: RawEvent) -> HResult {
        self.0.publish(event)
    }

    fn published(&self) -> RawEvent {
        self.0.published()
    }
}

/// The worker's runtime: tokio's, with a count of the provider's tasks.
struct WorkerRuntime {
    shared: Arc<WorkerState>,
    tokio: TokioRuntime,
}

impl Runtime for WorkerRuntime {
    fn spawn(&self, name: Cow<'static, str>, task: BoxFuture) -> Result<TaskHandle, HResult> {
        self.shared.tasks.fetch_add(1, Ordering::AcqRel);
        let count = Count(Arc::clone(&self.shared));
        self.tokio.spawn(name, Box::pin(Counted { task, _count: count }))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture {
        self.tokio.sleep(duration)
    }

    fn deadline(&self, duration: Duration) -> BoxFuture {
        self.tokio.deadline(duration)
    }

    fn now(&self) -> Duration {
        self.tokio.now()
    }

    fn events(&self) -> &Arc<dyn Events> {
        self.tokio.events()
    }

    fn shared(&self, name: &'static str) -> Arc<dyn Shared> {
        self.tokio.shared(name)
    }
}

/// A task that is counted until it is dropped. The task is dropped before the count.
struct Counted {
    task: BoxFuture,
    _count: Count,
}

impl Future for Counted {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.task.as_mut().poll(cx)
    }
}

struct Count(Arc<WorkerState>);

impl Drop for Count {
    fn drop(&mut self) {
        self.0.tasks.fetch_sub(1, Ordering::AcqRel);
        self.0.wake();
    }
}

/// A future that returns `None` if it panics.
struct Contained<F>(F);

impl<F: Future + Unpin> Future for Contained<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match guard::contain(|| Pin::new(&mut self.0).poll(cx)) {
            Some(poll) => poll.map(Some),
            None => Poll::Ready(None),
        }
    }
}

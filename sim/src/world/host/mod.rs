//! The simulated host: Outlook's Send/Receive, with its users and its faults.

mod callback;
mod kernel;
mod shutdown;
mod user;
mod vary;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use mapi_sync::contract::{Call, SyncWatch};
use mapi_sync::{
    CancelSignal, Events, MapiSync, RawEvent, Runtime, SyncProgressCallback, SyncRequest,
};

use self::callback::{HostCallback, HostUnknown};
pub(super) use self::kernel::Kernel;
pub(super) use self::shutdown::shutdown;
pub(super) use self::user::user;
pub(super) use self::vary::Varied;
use super::mutant::Mutant;
use super::run::{Count, Run, spawn_detached};
use super::scenario::{NextSync, WaitFor};
use crate::engine;
use crate::engine::sync::{Event, Register};
use crate::lock::lock;

/// One account of the host, with its store.
pub(super) struct HostAccount {
    pub(super) run: Arc<Run>,
    pub(super) account: usize,
    /// `None` once the host has shut down. Read only after `closing`.
    store: Mutex<Option<Arc<dyn MapiSync>>>,
    runtime: Arc<dyn Runtime>,
    /// The kernel's events as the host uses them, observed.
    events: Arc<dyn Events>,
    /// The syncs that were started and are not settled.
    open: Register<Vec<Arc<HostSync>>>,
    pub(super) closing: Register<bool>,
    /// How many syncs are still to be started, one after the other.
    left: Register<u32>,
    pub(super) reentered: Register<bool>,
    /// Whether the provider can be notified of a shutdown, and may be. What follows is used only
    /// then.
    has_shutdown: bool,
    /// How many starts are under way.
    starting: Register<u32>,
    start_returned: Event,
    /// The process exits: nothing is waited for any more.
    exited: Event,
}

/// One sync as the host sees it.
pub(super) struct HostSync {
    pub(super) cancel: CancelSignal,
    /// A cancel that the next callback is to answer.
    pub(super) asked: Register<bool>,
    pub(super) watch: SyncWatch,
    published: Register<RawEvent>,
    /// The handle that Done passed back.
    pub(super) passed: Register<Option<RawEvent>>,
    pub(super) done: Event,
    closed: Register<bool>,
    /// Whether the start has returned a success. Only a host that varies reads it.
    has_started: AtomicBool,
    /// Counted inside of calls. The monitor already tracks their order.
    pub(super) calls: AtomicU32,
}

impl HostAccount {
    pub(super) fn new(
        run: &Arc<Run>,
        account: usize,
        store: Arc<dyn MapiSync>,
        runtime: Arc<dyn Runtime>,
        events: Arc<dyn Events>,
    ) -> Self {
        let has_shutdown = run.host().shutdown.is_possible() && store.shutdown().is_some();
        Self {
            run: Arc::clone(run),
            account,
            store: Mutex::new(Some(store)),
            runtime,
            events,
            open: Register::new("open syncs", Vec::new()),
            closing: Register::new("host is closing", false),
            left: Register::new("syncs left", run.host().syncs),
            reentered: Register::new("started from inside", false),
            has_shutdown,
            starting: Register::new("starts under way", 0),
            start_returned: Event::new("start returned"),
            exited: Event::new("process exit"),
        }
    }

    /// Runs all syncs of this account.
    pub(super) async fn synchronize(self: Arc<Self>) {
        let host = self.run.host();
        let varied = self.run.varied();
        if varied.is_some_and(|varied| varied.starts_at_once) {
            let host = Arc::clone(&self);
            spawn_detached("host", async move { host.start_detached().await });
        }
        let mut first = true;
        while self.take_turn() {
            let started = self.start().await;
            if std::mem::take(&mut first) && host.overlap_start {
                self.start_detached().await;
            }
            if let Some(sync) = started {
                self.settle(sync).await;
            }
            if host.next_sync == NextSync::InsideDone {
                // The others are started from inside Done.
                break;
            }
        }
        if let Some(varied) = varied
            && varied.last_sync
        {
            self.last_sync(varied.last_is_calm).await;
        }
    }

    /// Once the syncs that have started are done, runs one more, without faults of the world's. If
    /// it is calm, no task is dropped either, no sleep is late, and no new task runs early.
    async fn last_sync(self: &Arc<Self>, is_calm: bool) {
        for sync in self.open.get() {
            // A start that is under way may yet fail, and then no Done comes.
            if sync.has_started.load(Ordering::Relaxed) {
                self.unless_exited(sync.done.wait()).await;
            }
        }
        self.run.end_faults();
        if is_calm {
            engine::calm();
        }
        if let Some(sync) = self.start().await {
            self.settle(sync).await;
        }
    }

    /// Whether another sync is to be started.
    fn take_turn(&self) -> bool {
        if self.left.get() == 0 || self.closing.get() {
            return false;
        }
        self.left.update(|left| *left -= 1);
        true
    }

    /// Starts the next sync from inside Done, if this host does that.
    pub(super) async fn start_next(self: &Arc<Self>) {
        if self.run.host().next_sync == NextSync::InsideDone && self.take_turn() {
            self.start_detached().await;
        }
    }

    /// Starts a sync that a new task settles.
    pub(super) async fn start_detached(self: &Arc<Self>) {
        if let Some(sync) = self.start().await {
            let host = Arc::clone(self);
            spawn_detached("host", async move { host.settle(sync).await });
        }
    }

    /// Starts a sync. `None` if it could not be started.
    async fn start(self: &Arc<Self>) -> Option<Arc<HostSync>> {
        if self.closing.get() {
            return None;
        }
        let store = lock(&self.store).clone()?;
        if self.open.get().iter().any(|sync| !sync.done.is_set()) {
            self.run.count(Count::Overlaps);
        }
        let callback = Arc::new(HostCallback::new(self));
        let request = SyncRequest::new(
            Arc::clone(&callback) as Arc<dyn SyncProgressCallback>,
            Arc::clone(&self.runtime),
        );
        let flags = self.run.scenario().accounts[self.account].flags;
        let request = request
            .with_flags(flags)
            .with_callback_unknown(Some(Arc::new(HostUnknown::new(&self.run, &callback))));
        let (watch, request) = self.run.monitor(self.account).watch_request(request);
        let sync = Arc::new(HostSync {
            cancel: request.cancel().clone(),
            asked: Register::new("cancel asked", false),
            watch,
            published: Register::new("published event", RawEvent::NULL),
            passed: Register::new("event passed back", None),
            done: Event::new("Done"),
            closed: Register::new("handle closed", false),
            has_started: AtomicBool::new(false),
            calls: AtomicU32::new(0),
        });
        callback.belongs_to(&sync);
        let event_out = Arc::clone(request.event_out());
        self.open.update(|open| open.push(Arc::clone(&sync)));
        let starting = self.starting();
        let result = store.synchronize_in_background(request).await;
        // A thread can be delayed between its last step and its return.
        engine::yield_now().await;
        sync.watch.observe(Call::StartReturned { result, event: event_out.published() });
        drop(store);
        drop(starting);
        if result.is_failure() {
            self.run.count(Count::FailedStarts);
            self.forget(&sync);
            return None;
        }
        sync.has_started.store(true, Ordering::Relaxed);
        sync.published.set(event_out.published());
        if self.closing.get() {
            self.cancel(&sync);
        }
        Some(sync)
    }

    /// Waits for the end of a sync, and closes its handle.
    async fn settle(self: &Arc<Self>, sync: Arc<HostSync>) {
        if self.unless_exited(sync.done.wait()).await.is_none() {
            return;
        }
        let published = sync.published.get();
        if !published.is_null() && !self.run.is(Mutant::HostNeverCloses) {
            let passed = sync.passed.get().unwrap_or(RawEvent::NULL);
            if passed.is_null() || self.run.host().wait == WaitFor::Event {
                self.unless_exited(self.events.wait(published)).await;
            }
            self.close(&sync, published);
        }
        self.forget(&sync);
    }

    /// Takes the handle that Done passed back, and closes it if this host does so inside Done.
    pub(super) fn handle_arrived(&self, sync: &HostSync, event: RawEvent) {
        sync.passed.set(Some(event));
        let early = self.run.host().wait == WaitFor::Done || self.run.is(Mutant::HostClosesTwice);
        if early && !event.is_null() && !self.run.is(Mutant::HostNeverCloses) {
            self.close(sync, event);
        }
    }

    fn close(&self, sync: &HostSync, event: RawEvent) {
        let again =
            self.run.is(Mutant::HostClosesTwice) || self.run.is(Mutant::HostClosesFromTwoPaths);
        if !sync.closed.set(true) || again {
            self.events.close(event);
        }
    }

    fn forget(&self, sync: &Arc<HostSync>) {
        self.open.update(|open| open.retain(|open| !Arc::ptr_eq(open, sync)));
    }

    /// The syncs that were started and are not settled.
    pub(super) fn open(&self) -> Vec<Arc<HostSync>> {
        self.open.get()
    }

    /// The user presses Cancel All: these syncs are asked to stop, through this channel.
    pub(super) fn cancel_all(&self, syncs: Vec<Arc<HostSync>>, by_signal: bool) {
        for sync in syncs {
            if self.run.is(Mutant::HostClosesEarly) {
                let published = sync.published.get();
                if !published.is_null() {
                    self.close(&sync, published);
                }
            }
            if by_signal {
                self.cancel(&sync);
            } else {
                sync.asked.set(true);
            }
        }
    }

    pub(super) fn cancel(&self, sync: &HostSync) {
        if !sync.cancel.is_requested() && !sync.done.is_set() {
            self.run.count(Count::Cancels);
        }
        sync.cancel.request();
    }
}

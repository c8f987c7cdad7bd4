//! Where the syncs of one monitor are kept.
//!
//! A simulation makes a monitor and a sync for each of millions of schedules. Allocating a sync and
//! freeing it costs more than most of its calls. So a single-threaded monitor leaves its syncs to
//! the next one of its thread, which begins again in the same memory.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::FastPath;
use crate::RawEvent;
use crate::contract::judge::Judge;
use crate::contract::sync_state::{Scope, Told};
use crate::contract::{CallId, Policy, SyncId};
use crate::lock::lock;

/// One sync.
pub(in crate::contract) struct SyncEntry {
    id: SyncId,
    /// The number of the one thread that may use it, or [`ANY_THREAD`].
    thread: u64,
    fast: FastPath,
    judge: Mutex<Judge>,
}

impl SyncEntry {
    fn new(id: SyncId, thread: u64, judge: Judge) -> Self {
        Self { id, thread, fast: FastPath::new(), judge: Mutex::new(judge) }
    }

    /// Begins again with another sync, in the same memory.
    fn renew(&mut self, id: SyncId, scope: Scope, host_watched: bool, policy: &Policy) {
        let Self { id: own, fast, judge, .. } = self;
        *own = id;
        fast.reset();
        let judge = judge.get_mut().unwrap_or_else(PoisonError::into_inner);
        judge.renew(id, scope, host_watched, policy);
    }

    pub(in crate::contract) fn id(&self) -> SyncId {
        self.id
    }

    /// Begins a Progress on the fast path, if it may take that. `None` if not, and nothing has been
    /// done.
    #[inline(always)]
    pub(in crate::contract) fn begin_fast(
        &self,
        at_ms: u64,
        text: Option<&str>,
        index: u32,
        index_max: u32,
    ) -> Option<CallId> {
        // Without a lock where nobody else can be here.
        if is_this_thread(self.thread) {
            self.fast.begin(at_ms, text, index, index_max, |_| false)
        } else {
            None
        }
    }

    /// As [`Self::begin_fast`], for a monitor of several threads, and for texts that the fast path
    /// does not keep.
    pub(in crate::contract) fn begin_fast_locked(
        &self,
        at_ms: u64,
        text: Option<&str>,
        index: u32,
        index_max: u32,
    ) -> Option<CallId> {
        if !self.fast.is_open() {
            return None;
        }
        let judge = self.lock();
        self.fast.begin(at_ms, text, index, index_max, |text| judge.state.is_last_text(text))
    }

    /// Ends a callback on the fast path. `false` if it is not there, and nothing has been done.
    #[inline(always)]
    pub(in crate::contract) fn end_fast(&self, at_ms: u64, number: CallId) -> bool {
        self.fast.end(at_ms, number, is_this_thread(self.thread))
    }

    /// Does `work` on the full path, with all that was done on the fast path taken into account.
    ///
    /// # Panics
    ///
    /// If the sync belongs to another thread.
    pub(in crate::contract) fn on_full_path<T>(&self, work: impl FnOnce(&mut Judge) -> T) -> T {
        let mut judge = self.lock();
        self.fast.close(&mut judge.state);
        work(&mut judge)
    }

    /// As [`Self::on_full_path`], and opens the fast path where `work` says, with the silence that
    /// is allowed before a call, in milliseconds.
    pub(in crate::contract) fn on_full_path_then<T>(
        &self,
        work: impl FnOnce(&mut Judge) -> (T, Option<u64>),
    ) -> T {
        let mut judge = self.lock();
        self.fast.close(&mut judge.state);
        let (result, silence_ms) = work(&mut judge);
        if let Some(silence_ms) = silence_ms {
            self.fast.open(&mut judge.state, silence_ms);
        }
        result
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, Judge> {
        if self.thread != ANY_THREAD && !is_this_thread(self.thread) {
            wrong_thread();
        }
        lock(&self.judge)
    }

    /// Whether nothing is owed, nor will be.
    fn is_settled(&self, is_held: bool) -> bool {
        let judge = self.lock();
        let state = &judge.state;
        // Where the path is open, a Done is owed.
        !self.fast.is_open() && (state.is_settled() || (!is_held && state.is_untouched()))
    }
}

#[cold]
#[inline(never)]
fn wrong_thread() -> ! {
    panic!("a call was reported to a single-threaded monitor by another thread");
}

/// The syncs of one monitor.
pub(in crate::contract) struct Syncs {
    single_threaded: bool,
    begun: u32,
    pub(in crate::contract) host_watched: bool,
    /// What the store's provider has been told.
    pub(in crate::contract) told: Option<Box<Told>>,
    /// First those that something is still owed for, in the order in which they began; then those
    /// that are spare.
    entries: Vec<Arc<SyncEntry>>,
    /// How many are owed something for.
    open: usize,
}

thread_local! {
    /// What the single-threaded monitors of this thread left when they were dropped.
    static POOL: RefCell<Vec<Vec<Arc<SyncEntry>>>> = const { RefCell::new(Vec::new()) };
    /// This thread's number; 0 until it has one.
    static THREAD: Cell<u64> = const { Cell::new(0) };
}

impl Syncs {
    pub(in crate::contract) fn new(single_threaded: bool) -> Self {
        let (entries, told) = (Vec::new(), None);
        Self { single_threaded, begun: 0, host_watched: false, told, entries, open: 0 }
    }

    /// Begins a sync.
    pub(in crate::contract) fn begin(&mut self, scope: Scope, policy: &Policy) -> Arc<SyncEntry> {
        self.begun += 1;
        let id = SyncId(self.begun);
        let Self { single_threaded, host_watched, entries, open, .. } = self;
        if *single_threaded && entries.capacity() == 0 {
            *entries = POOL.with_borrow_mut(Vec::pop).unwrap_or_default();
        }
        let spare = entries.get_mut(*open).filter(|spare| is_this_thread(spare.thread));
        if let Some(spare) = spare.and_then(Arc::get_mut) {
            spare.renew(id, scope, *host_watched, policy);
        } else {
            entries.truncate(*open);
            let thread = if *single_threaded { this_thread() } else { ANY_THREAD };
            let judge = Judge::new(id, scope, *host_watched, policy);
            entries.push(Arc::new(SyncEntry::new(id, thread, judge)));
        }
        self.open += 1;
        Arc::clone(&self.entries[self.open - 1])
    }

    /// Those that something is still owed for, in the order in which they began.
    pub(in crate::contract) fn open(&self) -> &[Arc<SyncEntry>] {
        &self.entries[..self.open]
    }

    /// Forgets all.
    pub(in crate::contract) fn clear(&mut self) {
        self.open = 0;
    }

    /// Takes those that nothing is owed for any more out of the open ones, and has `settle` see
    /// each of them for the last time.
    pub(in crate::contract) fn forget_settled(&mut self, mut settle: impl FnMut(&SyncEntry)) {
        let mut place = 0;
        while place < self.open {
            let entry = &self.entries[place];
            if entry.is_settled(Arc::strong_count(entry) > 1) {
                settle(entry);
                self.open -= 1;
                let is_spare = self.single_threaded && Arc::strong_count(entry) == 1;
                self.entries[place..].rotate_left(1);
                if !is_spare {
                    self.entries.pop();
                }
            } else {
                place += 1;
            }
        }
    }

    /// The newest sync that published this handle.
    pub(in crate::contract) fn publisher(&self, event: RawEvent) -> Option<&Arc<SyncEntry>> {
        self.open().iter().rev().find(|entry| entry.lock().state.published() == event)
    }
}

impl Drop for Syncs {
    fn drop(&mut self) {
        // A monitor that is dropped by another thread than its own leaves nothing.
        if self.entries.first().is_some_and(|first| is_this_thread(first.thread)) {
            self.entries.retain(|entry| Arc::strong_count(entry) == 1);
            let entries = std::mem::take(&mut self.entries);
            // The thread may be about to end.
            let _ = POOL.try_with(|pool| pool.borrow_mut().push(entries));
        }
    }
}

/// The number of no thread.
const ANY_THREAD: u64 = u64::MAX;

/// Whether this is the number of the calling thread.
#[inline(always)]
fn is_this_thread(thread: u64) -> bool {
    THREAD.get() == thread
}

fn this_thread() -> u64 {
    static THREADS: AtomicU64 = AtomicU64::new(0);
    if THREAD.get() == 0 {
        THREAD.set(THREADS.fetch_add(1, Ordering::Relaxed) + 1);
    }
    THREAD.get()
}

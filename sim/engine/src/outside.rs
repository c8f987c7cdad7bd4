//! Threads outside of the executions, and the wakes that come from them.
//!
//! One thread runs an execution, and everything in it is under control. A program may still start
//! threads of its own, or use a runtime that has some. What they do comes at any time, so it is no
//! part of a schedule. All that the engine can do is notice: such a thread lets a task go on by
//! waking it.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::lock::{lock, wait};

/// For how many different deadlocks engines wait.
const WAITS: usize = 3;

/// What is known of threads that take part in executions although no engine runs on them.
///
/// The engines of one search [share](crate::Engine::share_outside_threads) it. By default no engine
/// waits for such a thread: only one that has woken a task by the time of a deadlock is noticed.
#[derive(Clone, Default)]
pub struct OutsideThreads(Arc<Known>);

#[derive(Default)]
struct Known {
    patience: Duration,
    woke: AtomicBool,
    waits: Mutex<Waits>,
    changed: Condvar,
}

#[derive(Default)]
struct Waits {
    /// The deadlocks for which an engine has waited, by their hashes.
    over: Vec<u64>,
    /// One is waiting.
    running: bool,
}

impl OutsideThreads {
    /// Lets each deadlock that a thread outside could end make one engine wait for a wake first,
    /// for up to `patience` of real time: once, and for at most three deadlocks altogether.
    #[must_use]
    pub fn with_patience(patience: Duration) -> Self {
        Self(Arc::new(Known { patience, ..Known::default() }))
    }

    /// Whether a task has been woken from a thread outside.
    #[must_use]
    pub fn have_woken(&self) -> bool {
        self.0.woke.load(Relaxed)
    }

    fn wake(&self) {
        self.0.woke.store(true, Relaxed);
        // One that is about to wait has either seen the flag, or waits before this lock is free.
        drop(lock(&self.0.waits));
        self.0.changed.notify_all();
    }

    /// Waits for a wake from outside, if nobody has waited at this deadlock before. Returns
    /// whether one has ever come.
    pub(super) fn await_wake(&self, deadlock: u64) -> bool {
        let Known { waits, changed, patience, .. } = &*self.0;
        if patience.is_zero() {
            return self.have_woken();
        }
        let mut waits = lock(waits);
        while waits.running {
            waits = wait(changed, waits);
        }
        if self.have_woken() || waits.over.contains(&deadlock) || waits.over.len() == WAITS {
            return self.have_woken();
        }
        waits.over.push(deadlock);
        waits.running = true;
        let end = Instant::now() + *patience;
        while !self.have_woken()
            && let Some(left) = end.checked_duration_since(Instant::now())
        {
            let waited = changed.wait_timeout(waits, left);
            waits = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        waits.running = false;
        drop(waits);
        changed.notify_all();
        self.have_woken()
    }
}

impl fmt::Debug for OutsideThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutsideThreads").field("have_woken", &self.have_woken()).finish()
    }
}

thread_local! {
    /// The engine whose execution runs on this thread, by its number; 0 if none does.
    static RUNNING: Cell<u64> = const { Cell::new(0) };
    /// The thread's own number; 0 until it is asked for.
    static THREAD: Cell<u64> = const { Cell::new(0) };
}

fn next_number() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Relaxed) + 1
}

fn this_thread() -> u64 {
    if THREAD.get() == 0 {
        THREAD.set(next_number());
    }
    THREAD.get()
}

/// Whether the execution that runs on this thread is one of the engine with this number.
#[inline(always)]
pub(super) fn is_running_here(engine: u64) -> bool {
    RUNNING.get() == engine
}

/// An engine as wakers know it: from where its tasks may be woken.
pub(super) struct Home {
    engine: u64,
    /// The thread on which its last execution ran.
    thread: AtomicU64,
    /// How many wakes came from other threads.
    wakes: AtomicU64,
    threads: Mutex<OutsideThreads>,
}

impl Home {
    pub(super) fn new() -> Self {
        Self {
            engine: next_number(),
            thread: AtomicU64::new(0),
            wakes: AtomicU64::new(0),
            threads: Mutex::default(),
        }
    }

    /// The engine's number.
    pub(super) fn engine(&self) -> u64 {
        self.engine
    }

    /// An execution begins on this thread.
    #[inline]
    pub(super) fn begin(&self) {
        RUNNING.set(self.engine);
        self.thread.store(this_thread(), Relaxed);
    }

    /// The execution has ended.
    #[inline]
    pub(super) fn end(&self) {
        RUNNING.set(0);
    }

    /// Whether the engine's last execution ran on this thread.
    pub(super) fn is_here(&self) -> bool {
        self.thread.load(Relaxed) == this_thread()
    }

    /// Notes a wake from another thread.
    pub(super) fn note_wake(&self) {
        self.wakes.fetch_add(1, Relaxed);
        let threads = self.threads().clone();
        threads.wake();
    }

    #[inline]
    pub(super) fn wakes(&self) -> u64 {
        self.wakes.load(Relaxed)
    }

    pub(super) fn threads(&self) -> MutexGuard<'_, OutsideThreads> {
        lock(&self.threads)
    }
}

//! Where the state machine of a sync lives: behind a lock, or with the one thread that all its
//! calls come from.
//!
//! To take a lock and give it back costs more than all the rules do for a plain call. Where one
//! thread makes all calls, as in a simulation, none is needed.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::SyncId;
use super::machine::{Machine, Scope};
use crate::lock::lock;

#[derive(Debug)]
pub(super) enum Home {
    Locked(Box<Mutex<Machine>>),
    Local(Place),
}

impl Home {
    /// A home of a new machine for this sync: with the calling thread if it is `local`.
    pub(super) fn new(local: bool, sync: SyncId, scope: Scope, host_watched: bool) -> Self {
        if local {
            Self::Local(Place::new(sync, scope, host_watched))
        } else {
            Self::Locked(Box::new(Mutex::new(Machine::new(sync, scope, host_watched))))
        }
    }

    /// # Panics
    ///
    /// If the machine lives with another thread.
    #[inline(always)]
    pub(super) fn with<T>(&self, f: impl FnOnce(&mut Machine) -> T) -> T {
        match self {
            Self::Local(place) => place.with(f),
            Self::Locked(machine) => f(&mut lock(machine)),
        }
    }

    /// The number of the thread that the machine lives with; [`NO_THREAD`] if it lives behind a
    /// lock.
    pub(super) fn thread(&self) -> u64 {
        match self {
            Self::Local(place) => place.thread,
            Self::Locked(_) => NO_THREAD,
        }
    }
}

/// The machines of a thread. A place whose sync is forgotten is used again, with its memory.
struct Machines {
    places: Vec<Machine>,
    free: Vec<usize>,
}

thread_local! {
    static MACHINES: RefCell<Machines> =
        const { RefCell::new(Machines { places: Vec::new(), free: Vec::new() }) };
    /// This thread's number; 0 until it has one.
    static THREAD: Cell<u64> = const { Cell::new(0) };
}

/// The number of no thread.
const NO_THREAD: u64 = u64::MAX;

/// Whether this is the number of the calling thread.
#[inline(always)]
pub(super) fn is_here(thread: u64) -> bool {
    THREAD.get() == thread
}

fn this_thread() -> u64 {
    static THREADS: AtomicU64 = AtomicU64::new(0);
    if THREAD.get() == 0 {
        THREAD.set(THREADS.fetch_add(1, Ordering::Relaxed) + 1);
    }
    THREAD.get()
}

/// A machine's place among those of its thread.
pub(super) struct Place {
    thread: u64,
    index: usize,
}

impl Place {
    fn new(sync: SyncId, scope: Scope, host_watched: bool) -> Self {
        let index = MACHINES.with_borrow_mut(|machines| match machines.free.pop() {
            Some(index) => {
                machines.places[index].begin_again(sync, scope, host_watched);
                index
            }
            None => {
                machines.places.push(Machine::new(sync, scope, host_watched));
                machines.places.len() - 1
            }
        });
        Self { thread: this_thread(), index }
    }

    #[inline(always)]
    fn with<T>(&self, f: impl FnOnce(&mut Machine) -> T) -> T {
        if !is_here(self.thread) {
            wrong_thread();
        }
        MACHINES.with_borrow_mut(|machines| f(&mut machines.places[self.index]))
    }
}

#[cold]
#[inline(never)]
fn wrong_thread() -> ! {
    panic!("a local monitor heard of a call on another thread than its own");
}

impl Drop for Place {
    fn drop(&mut self) {
        // Dropped elsewhere, or with its thread, the machine stays where it is until its thread
        // ends.
        if is_here(self.thread) {
            let _ = MACHINES.try_with(|machines| machines.borrow_mut().free.push(self.index));
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("thread", &self.thread).field("index", &self.index).finish()
    }
}

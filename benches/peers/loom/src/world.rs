//! The programs' world, on loom.
//!
//! A scheduling point comes before each operation on an atomic, a mutex or a condition variable. A
//! task is a loom thread. Its operations block, so its future is ready at the first poll.

use futures::FutureExt;

#[path = "../../programs/threads.rs"]
mod threads;

pub use threads::{Cell, Condvar, Lock};

/// The types of loom.
mod peer {
    pub use loom::sync::atomic::{AtomicU32, Ordering};
    pub use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
}

/// Spawns the tasks of a program.
pub struct World;

impl World {
    pub fn cell(&mut self) -> Cell {
        Cell::new()
    }

    pub fn lock<T>(&mut self, value: T) -> (Lock<T>, Condvar) {
        (Lock::new(value), Condvar::new())
    }

    pub fn task(&mut self, task: impl Future<Output = ()> + 'static) {
        loom::thread::spawn(|| task.now_or_never().expect("it blocks instead of waiting"));
    }

    pub fn task_made_by<F: Future<Output = ()> + 'static>(&mut self, make: impl FnOnce() -> F) {
        self.task(make());
    }
}

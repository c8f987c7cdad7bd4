//! The programs' world, on shuttle.
//!
//! A scheduling point comes before each operation on an atomic, a mutex or a condition variable,
//! and before each spawn. A task is a shuttle thread that blocks on the task's future.

use shuttle::future::block_on;

#[path = "../../programs/threads.rs"]
mod threads;

pub use threads::{Cell, Condvar, Lock};

/// The types of shuttle, except `Arc`, which it does not watch.
mod peer {
    pub use std::sync::Arc;

    pub use shuttle::sync::atomic::{AtomicU32, Ordering};
    pub use shuttle::sync::{Condvar, Mutex, MutexGuard};
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

    pub fn task(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        // Shuttle waits at the end for threads that nobody joins.
        shuttle::thread::spawn(|| block_on(task));
    }

    pub fn task_made_by<F: Future<Output = ()>>(
        &mut self,
        make: impl FnOnce() -> F + Send + 'static,
    ) {
        shuttle::thread::spawn(|| block_on(make()));
    }
}

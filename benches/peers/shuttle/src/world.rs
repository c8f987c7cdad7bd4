//! The programs' world, on shuttle.
//!
//! A scheduling point is before each operation on an atomic, a mutex or a condition variable, and before each spawning. A
//! task is a thread of shuttle's that blocks on the task's future.

use shuttle::future::block_on;
use shuttle::sync::atomic::{AtomicU32, Ordering};
use shuttle::sync::{self, MutexGuard};
use std::sync::Arc;

/// Spawns the tasks of a program.
pub struct World;

impl World {
    pub fn cell(&mut self) -> Cell {
        Cell(Arc::new(AtomicU32::new(0)))
    }

    pub fn lock<T>(&mut self, value: T) -> (Lock<T>, Condvar) {
        (Lock(Arc::new(sync::Mutex::new(value))), Condvar(Arc::new(sync::Condvar::new())))
    }

    pub fn task(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        // A thread that nobody joins is waited for at the end.
        shuttle::thread::spawn(|| block_on(task));
    }

    pub fn task_made_by<F: Future<Output = ()>>(
        &mut self,
        make: impl FnOnce() -> F + Send + 'static,
    ) {
        shuttle::thread::spawn(|| block_on(make()));
    }
}

#[derive(Clone)]
pub struct Cell(Arc<AtomicU32>);

impl Cell {
    pub async fn load(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    pub async fn store(&self, value: u32) {
        self.0.store(value, Ordering::SeqCst);
    }

    pub async fn add(&self, value: u32) -> u32 {
        self.0.fetch_add(value, Ordering::SeqCst)
    }

    pub async fn sub(&self, value: u32) -> u32 {
        self.0.fetch_sub(value, Ordering::SeqCst)
    }
}

pub struct Lock<T>(Arc<sync::Mutex<T>>);

impl<T> Clone for Lock<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Lock<T> {
    pub async fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().expect("no task panics with the lock")
    }
}

#[derive(Clone)]
pub struct Condvar(Arc<sync::Condvar>);

impl Condvar {
    pub async fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).expect("no task panics with the lock")
    }

    pub fn notify_one(&self) {
        self.0.notify_one();
    }
}

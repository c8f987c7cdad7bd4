//! A cell, a lock and a condition variable for peers whose tasks are threads. Each operation
//! blocks, and is ready at once.
//!
//! The world that mounts this file has a module `peer` with the peer's atomics and locks.

use super::peer::{self, Arc, AtomicU32, MutexGuard, Ordering};

#[derive(Clone)]
pub struct Cell(Arc<AtomicU32>);

impl Cell {
    pub fn new() -> Self {
        Self(Arc::new(AtomicU32::new(0)))
    }

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

pub struct Lock<T>(Arc<peer::Mutex<T>>);

impl<T> Clone for Lock<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Lock<T> {
    pub fn new(value: T) -> Self {
        Self(Arc::new(peer::Mutex::new(value)))
    }

    pub async fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().expect("no task panics with the lock")
    }
}

#[derive(Clone)]
pub struct Condvar(Arc<peer::Condvar>);

impl Condvar {
    pub fn new() -> Self {
        Self(Arc::new(peer::Condvar::new()))
    }

    pub async fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).expect("no task panics with the lock")
    }

    pub fn notify_one(&self) {
        self.0.notify_one();
    }
}

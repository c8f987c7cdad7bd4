//! The programs' world, on loom.
//!
//! A scheduling point is before each operation on an atomic, a mutex or a condition variable. A task is a thread of loom's;
//! its operations block, so that its future is ready at the first poll.

use futures::FutureExt;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::sync::{self, Arc, MutexGuard};

/// Spawns the tasks of a program.
pub struct World;

impl World {
    pub fn cell(&mut self) -> Cell {
        Cell(Arc::new(AtomicU32::new(0)))
    }

    pub fn lock<T>(&mut self, value: T) -> (Lock<T>, Condvar) {
        (Lock(Arc::new(sync::Mutex::new(value))), Condvar(Arc::new(sync::Condvar::new())))
    }

    pub fn task(&mut self, task: impl Future<Output = ()> + 'static) {
        loom::thread::spawn(|| task.now_or_never().expect("it blocks instead of waiting"));
    }

    pub fn task_made_by<F: Future<Output = ()> + 'static>(&mut self, make: impl FnOnce() -> F) {
        self.task(make());
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

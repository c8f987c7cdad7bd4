//! A mutex that is held across await points.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::{Arc, Mutex as Cell, MutexGuard as CellGuard};

use super::permits::Permits;
use crate::lock::lock;

/// Mutual exclusion in the order of asking.
pub struct Mutex<T> {
    permits: Arc<Permits>,
    value: Arc<Cell<Option<Box<T>>>>,
}

impl<T> Mutex<T> {
    /// A mutex of this name around `value`.
    #[must_use]
    pub fn new(name: &'static str, value: T) -> Self {
        Self {
            permits: Arc::new(Permits::new("mutex", name, 1)),
            value: Arc::new(Cell::new(Some(Box::new(value)))),
        }
    }

    /// Waits until the mutex is free, and takes it.
    #[track_caller]
    pub fn lock(&self) -> impl Future<Output = MutexGuard<T>> {
        self.lock_at(Location::caller())
    }

    pub(super) async fn lock_at(&self, place: &'static Location<'static>) -> MutexGuard<T> {
        Arc::clone(&self.permits).acquire(1, Some(place)).await;
        self.guard()
    }

    /// Takes the mutex now, if it is free.
    #[must_use]
    pub fn try_lock(&self) -> Option<MutexGuard<T>> {
        self.permits.try_acquire(1).then(|| self.guard())
    }

    fn guard(&self) -> MutexGuard<T> {
        // The permit is exclusive, so the value is here; it moves into the guard and back.
        let value = lock(&self.value).take();
        MutexGuard { mutex: self.clone(), value }
    }

    fn slot(&self) -> CellGuard<'_, Option<Box<T>>> {
        lock(&self.value)
    }
}

impl<T> Clone for Mutex<T> {
    fn clone(&self) -> Self {
        Self { permits: Arc::clone(&self.permits), value: Arc::clone(&self.value) }
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").field("name", &self.permits.name()).finish_non_exhaustive()
    }
}

/// The locked value. Dropping it passes the mutex on.
#[must_use = "the mutex is free again at once"]
pub struct MutexGuard<T> {
    mutex: Mutex<T>,
    value: Option<Box<T>>,
}

impl<T> MutexGuard<T> {
    pub(super) fn mutex(&self) -> &Mutex<T> {
        &self.mutex
    }
}

impl<T> Deref for MutexGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_deref().expect("the guard holds the value until it is dropped")
    }
}

impl<T> DerefMut for MutexGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_deref_mut().expect("the guard holds the value until it is dropped")
    }
}

impl<T> Drop for MutexGuard<T> {
    fn drop(&mut self) {
        *self.mutex.slot() = self.value.take();
        self.mutex.permits.release(1);
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

//! Locks, whether or not somebody panicked under one.
//!
//! What they guard here is left whole by a panic: nothing of the user's runs under a lock while it
//! is half changed.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a change, with the lock given up meanwhile.
pub(crate) fn wait<'a, T>(change: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    change.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

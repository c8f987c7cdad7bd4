//! Locks that ignore poison.
//!
//! A panic leaves the guarded values whole: no user code runs under a lock while a value is half
//! changed.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Takes the lock, whether or not a thread panicked while it held it.
#[inline]
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a notification, and releases the lock meanwhile.
#[inline]
pub fn wait<'a, T>(change: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    change.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

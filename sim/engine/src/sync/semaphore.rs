//! A counting semaphore.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::permits::Permits;

/// Hands out a number of permits, in the order in which they are asked for.
#[derive(Clone)]
pub struct Semaphore {
    permits: Arc<Permits>,
}

/// The semaphore was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the semaphore is closed")]
pub struct Closed;

impl Semaphore {
    /// A semaphore of this name with `permits` permits.
    #[must_use]
    pub fn new(name: &'static str, permits: usize) -> Self {
        Self { permits: Arc::new(Permits::new("semaphore", name, permits)) }
    }

    /// Waits for a permit.
    ///
    /// # Errors
    ///
    /// [`Closed`] when no permit will ever come.
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = Result<Permit, Closed>> {
        let place = Location::caller();
        async move {
            if Arc::clone(&self.permits).acquire(1, Some(place)).await {
                Ok(Permit { permits: Arc::clone(&self.permits) })
            } else {
                Err(Closed)
            }
        }
    }

    /// Takes a permit now, if one is free and no task waits.
    #[must_use]
    pub fn try_acquire(&self) -> Option<Permit> {
        self.permits.try_acquire(1).then(|| Permit { permits: Arc::clone(&self.permits) })
    }

    /// How many permits are free.
    #[must_use]
    pub fn available_permits(&self) -> usize {
        self.permits.free()
    }

    /// Refuses all waiting tasks, and all later ones.
    pub fn close(&self) {
        self.permits.close();
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore").field("name", &self.permits.name()).finish_non_exhaustive()
    }
}

/// A permit, given back when it is dropped.
pub struct Permit {
    permits: Arc<Permits>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.permits.release(1);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("of", &self.permits.name()).finish_non_exhaustive()
    }
}

//! Permits.

use std::mem;
use std::sync::Arc;

use mapi_sync_engine::Object;
use real::sync as tokio;

use super::tracked::{Release, Use, tracked};
use super::{AcquireError, TryAcquireError};
use crate::inside::is_inside;
use crate::runtime::block_on;

const ACQUIRE: Use = Use::queue("semaphore");

/// `tokio::sync::Semaphore`.
#[derive(Debug)]
pub struct Semaphore {
    object: Object,
    real: tokio::Semaphore,
}

impl Semaphore {
    /// The most permits that there can be.
    pub const MAX_PERMITS: usize = tokio::Semaphore::MAX_PERMITS;

    /// A semaphore with these permits.
    ///
    /// # Panics
    ///
    /// If there are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[must_use]
    pub fn new(permits: usize) -> Self {
        Self { object: Object::new("Semaphore"), real: tokio::Semaphore::new(permits) }
    }

    /// The same for a `static`.
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new) does.
    #[must_use]
    pub const fn const_new(permits: usize) -> Self {
        Self { object: Object::of_static("Semaphore"), real: tokio::Semaphore::const_new(permits) }
    }

    /// How many permits are free.
    #[must_use]
    pub fn available_permits(&self) -> usize {
        self.object.read();
        self.real.available_permits()
    }

    /// Adds permits.
    ///
    /// # Panics
    ///
    /// If there are more than [`MAX_PERMITS`](Self::MAX_PERMITS) then.
    pub fn add_permits(&self, n: usize) {
        self.object.write();
        self.real.add_permits(n);
    }

    /// Takes up to `n` free permits away for good. Returns how many.
    pub fn forget_permits(&self, n: usize) -> usize {
        self.object.write();
        self.real.forget_permits(n)
    }

    /// Waits for a permit.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    pub async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        let real = tracked(self.object, ACQUIRE, self.real.acquire()).await?;
        Ok(self.permit(real))
    }

    /// Waits for `n` permits.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    pub async fn acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        let real = tracked(self.object, ACQUIRE, self.real.acquire_many(n)).await?;
        Ok(self.permit(real))
    }

    /// Takes a permit now.
    ///
    /// # Errors
    ///
    /// If none is free, or the semaphore is closed.
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits now.
    ///
    /// # Errors
    ///
    /// If they are not free, or the semaphore is closed.
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.object.write();
        self.real.try_acquire_many(n).map(|real| self.permit(real))
    }

    /// Takes a permit, and blocks the thread meanwhile.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Panics
    ///
    /// From an async task. Inside an execution, if no permit is free.
    #[track_caller]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.blocking_acquire_many(1)
    }

    /// The same for `n` permits.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Panics
    ///
    /// As [`blocking_acquire`](Self::blocking_acquire) does.
    #[track_caller]
    pub fn blocking_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        if is_inside() {
            block_on("Semaphore::blocking_acquire_many", self.acquire_many(n))
        } else {
            self.real.blocking_acquire_many(n).map(|real| self.permit(real))
        }
    }

    /// Waits for a permit that owns the semaphore.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    pub async fn acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_many_owned(1).await
    }

    /// The same for `n` permits.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    pub async fn acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_many(n).await?.keep();
        Ok(OwnedSemaphorePermit { semaphore: self, permits: n as usize })
    }

    /// Takes a permit now that owns the semaphore.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire) has.
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// The same for `n` permits.
    ///
    /// # Errors
    ///
    /// As [`try_acquire_many`](Self::try_acquire_many) has.
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many(n)?.keep();
        Ok(OwnedSemaphorePermit { semaphore: self, permits: n as usize })
    }

    /// Takes a permit that owns the semaphore, and blocks the thread meanwhile.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Panics
    ///
    /// As [`blocking_acquire`](Self::blocking_acquire) does.
    #[track_caller]
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.blocking_acquire_many_owned(1)
    }

    /// The same for `n` permits.
    ///
    /// # Errors
    ///
    /// If the semaphore is closed.
    ///
    /// # Panics
    ///
    /// As [`blocking_acquire`](Self::blocking_acquire) does.
    #[track_caller]
    pub fn blocking_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.blocking_acquire_many(n)?.keep();
        Ok(OwnedSemaphorePermit { semaphore: self, permits: n as usize })
    }

    /// Refuses permits from now on, to those who wait too.
    pub fn close(&self) {
        self.object.write();
        self.real.close();
    }

    /// Whether it is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.object.read();
        self.real.is_closed()
    }

    fn permit<'a>(&'a self, real: tokio::SemaphorePermit<'a>) -> SemaphorePermit<'a> {
        SemaphorePermit { real, release: Release::new(self.object), semaphore: self }
    }
}

/// Permits of a [`Semaphore`]. Dropping them gives them back.
#[must_use = "the permits are free again at once"]
#[derive(Debug)]
pub struct SemaphorePermit<'a> {
    real: tokio::SemaphorePermit<'a>,
    release: Release,
    semaphore: &'a Semaphore,
}

impl SemaphorePermit<'_> {
    /// Takes the permits away for good.
    pub fn forget(self) {
        self.keep();
    }

    /// Somebody else gives the permits back.
    fn keep(self) {
        self.real.forget();
        self.release.forget();
    }

    /// Adds the permits of another one.
    ///
    /// # Panics
    ///
    /// If they are of different semaphores.
    #[track_caller]
    pub fn merge(&mut self, other: Self) {
        self.real.merge(other.real);
        other.release.forget();
    }

    /// Takes `n` permits out, if there are as many.
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.real.split(n).map(|real| self.semaphore.permit(real))
    }

    /// How many there are.
    #[must_use]
    pub fn num_permits(&self) -> usize {
        self.real.num_permits()
    }
}

impl<'a> SemaphorePermit<'a> {
    /// The semaphore.
    #[must_use]
    pub fn semaphore(&self) -> &'a Semaphore {
        self.semaphore
    }
}

/// Permits that own their [`Semaphore`]. Dropping them gives them back.
#[must_use = "the permits are free again at once"]
#[derive(Debug)]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    permits: usize,
}

impl OwnedSemaphorePermit {
    /// Takes the permits away for good.
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Adds the permits of another one.
    ///
    /// # Panics
    ///
    /// If they are of different semaphores.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            Arc::ptr_eq(&self.semaphore, &other.semaphore),
            "merging permits from different semaphore instances"
        );
        self.permits += mem::take(&mut other.permits);
    }

    /// Takes `n` permits out, if there are as many.
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(n)?;
        Some(Self { semaphore: Arc::clone(&self.semaphore), permits: n })
    }

    /// The semaphore.
    #[must_use]
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// How many there are.
    #[must_use]
    pub fn num_permits(&self) -> usize {
        self.permits
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        if self.permits > 0 {
            self.semaphore.add_permits(self.permits);
        }
    }
}

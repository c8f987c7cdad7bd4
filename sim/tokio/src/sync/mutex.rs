//! Mutual exclusion.

#![expect(clippy::mut_from_ref, reason = "ouroboros generates such functions")]

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use mapi_sync_engine::Object;
use real::sync as tokio;

use super::TryLockError;
use super::tracked::{Release, Use, guard, tracked};
use crate::inside::is_inside;
use crate::runtime::block_on;

const LOCK: Use = Use::queue("mutex");

/// `tokio::sync::Mutex`.
pub struct Mutex<T: ?Sized> {
    object: Object,
    real: tokio::Mutex<T>,
}

impl<T: ?Sized> Mutex<T> {
    /// A mutex around `value`.
    pub fn new(value: T) -> Self
    where
        T: Sized,
    {
        Self { object: Object::new("Mutex"), real: tokio::Mutex::new(value) }
    }

    /// A mutex around `value`, for a `static`.
    pub const fn const_new(value: T) -> Self
    where
        T: Sized,
    {
        Self { object: Object::of_static("Mutex"), real: tokio::Mutex::const_new(value) }
    }

    /// Waits until the mutex is free, and locks it.
    pub async fn lock(&self) -> MutexGuard<'_, T> {
        self.guard(tracked(self.object, LOCK, self.real.lock()).await)
    }

    /// Locks the mutex, and blocks the thread meanwhile.
    ///
    /// # Panics
    ///
    /// From an async task. Inside an execution, if the mutex is not free.
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        if is_inside() {
            block_on("Mutex::blocking_lock", self.lock())
        } else {
            self.guard(self.real.blocking_lock())
        }
    }

    /// The same with a guard that owns the mutex.
    ///
    /// # Panics
    ///
    /// As [`blocking_lock`](Self::blocking_lock) does.
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T>
    where
        T: Send + 'static,
    {
        if is_inside() {
            block_on("Mutex::blocking_lock_owned", self.lock_owned())
        } else {
            OwnedMutexGuard::new(Owned::new(self, |mutex| mutex.real.blocking_lock()))
        }
    }

    /// Waits until the mutex is free, and locks it. The guard owns the mutex.
    pub async fn lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T>
    where
        T: Send + 'static,
    {
        let owned = OwnedAsyncSendBuilder {
            owner: self,
            guard_builder: |mutex| Box::pin(tracked(mutex.object, LOCK, mutex.real.lock())),
        };
        OwnedMutexGuard::new(owned.build().await)
    }

    /// Locks the mutex now.
    ///
    /// # Errors
    ///
    /// If it is not free.
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        self.object.write();
        self.real.try_lock().map(|real| self.guard(real))
    }

    /// The same with a guard that owns the mutex.
    ///
    /// # Errors
    ///
    /// As [`try_lock`](Self::try_lock) has.
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError>
    where
        T: 'static,
    {
        self.object.write();
        Owned::try_new(self, |mutex| mutex.real.try_lock()).map(OwnedMutexGuard::new)
    }

    /// The value, which nobody else can lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.real.get_mut()
    }

    /// The value.
    pub fn into_inner(self) -> T
    where
        T: Sized,
    {
        self.real.into_inner()
    }

    fn guard<'a>(&'a self, real: tokio::MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        MutexGuard { real, release: Release::new(self.object), mutex: self }
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object.read();
        self.real.fmt(f)
    }
}

/// The lock of a [`Mutex`].
#[must_use = "the mutex is free again at once"]
pub struct MutexGuard<'a, T: ?Sized> {
    real: tokio::MutexGuard<'a, T>,
    release: Release,
    mutex: &'a Mutex<T>,
}

guard!(mut MutexGuard);

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Keeps the lock, and shows a part of the value.
    pub fn map<U, F>(this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        MappedMutexGuard { real: tokio::MutexGuard::map(this.real, f), release: this.release }
    }

    /// The same, if there is such a part.
    ///
    /// # Errors
    ///
    /// Itself, if there is none.
    pub fn try_map<U, F>(this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Self { real, release, mutex } = this;
        match tokio::MutexGuard::try_map(real, f) {
            Ok(real) => Ok(MappedMutexGuard { real, release }),
            Err(real) => Err(Self { real, release, mutex }),
        }
    }

    /// The mutex.
    #[must_use]
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.mutex
    }
}

/// The lock of a [`Mutex`] that shows a part of its value.
#[must_use = "the mutex is free again at once"]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    real: tokio::MappedMutexGuard<'a, T>,
    release: Release,
}

guard!(mut MappedMutexGuard);

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    /// Keeps the lock, and shows a part of the part.
    pub fn map<U, F>(this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        MappedMutexGuard { real: tokio::MappedMutexGuard::map(this.real, f), release: this.release }
    }

    /// The same, if there is such a part.
    ///
    /// # Errors
    ///
    /// Itself, if there is none.
    pub fn try_map<U, F>(this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Self { real, release } = this;
        match tokio::MappedMutexGuard::try_map(real, f) {
            Ok(real) => Ok(MappedMutexGuard { real, release }),
            Err(real) => Err(Self { real, release }),
        }
    }
}

#[ouroboros::self_referencing]
struct Owned<T: ?Sized + 'static> {
    owner: Arc<Mutex<T>>,
    #[borrows(owner)]
    #[not_covariant]
    guard: tokio::MutexGuard<'this, T>,
}

/// The lock of a [`Mutex`] that the guard owns.
#[must_use = "the mutex is free again at once"]
pub struct OwnedMutexGuard<T: ?Sized + 'static> {
    owned: Owned<T>,
    _release: Release,
}

impl<T: ?Sized> OwnedMutexGuard<T> {
    fn new(owned: Owned<T>) -> Self {
        let release = Release::new(owned.borrow_owner().object);
        Self { owned, _release: release }
    }

    /// Keeps the lock, and shows a part of the value.
    pub fn map<U, F>(this: Self, f: F) -> OwnedMappedMutexGuard<T, U>
    where
        U: ?Sized + 'static,
        F: FnOnce(&mut T) -> &mut U,
    {
        OwnedMappedMutexGuard { mapped: Mapped::new(this, |guard| f(guard)) }
    }

    /// The same, if there is such a part.
    ///
    /// # Errors
    ///
    /// Itself, if there is none.
    pub fn try_map<U, F>(this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, U>, Self>
    where
        U: ?Sized + 'static,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        Mapped::try_new_or_recover(this, |guard| f(guard).ok_or(()))
            .map(|mapped| OwnedMappedMutexGuard { mapped })
            .map_err(|((), heads)| heads.owner)
    }

    /// The mutex.
    #[must_use]
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        this.owned.borrow_owner()
    }
}

impl<T: ?Sized> Deref for OwnedMutexGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.owned.with_guard(|guard| &**guard)
    }
}

impl<T: ?Sized> DerefMut for OwnedMutexGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.owned.with_guard_mut(|guard| &mut **guard)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[ouroboros::self_referencing]
struct Mapped<T: ?Sized + 'static, U: ?Sized + 'static> {
    owner: OwnedMutexGuard<T>,
    #[borrows(mut owner)]
    part: &'this mut U,
}

/// The lock of a [`Mutex`] that the guard owns, and that shows a part of its value.
#[must_use = "the mutex is free again at once"]
pub struct OwnedMappedMutexGuard<T: ?Sized + 'static, U: ?Sized + 'static = T> {
    mapped: Mapped<T, U>,
}

impl<T: ?Sized, U: ?Sized> Deref for OwnedMappedMutexGuard<T, U> {
    type Target = U;

    fn deref(&self) -> &U {
        self.mapped.borrow_part()
    }
}

impl<T: ?Sized, U: ?Sized> DerefMut for OwnedMappedMutexGuard<T, U> {
    fn deref_mut(&mut self) -> &mut U {
        self.mapped.with_part_mut(|part| &mut **part)
    }
}

impl<T: ?Sized, U: ?Sized + fmt::Debug> fmt::Debug for OwnedMappedMutexGuard<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized, U: ?Sized + fmt::Display> fmt::Display for OwnedMappedMutexGuard<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

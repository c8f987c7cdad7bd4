//! One who writes, or many who read.

#![expect(clippy::mut_from_ref, reason = "ouroboros generates such functions")]

use std::fmt;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use mapi_sync_engine::sync::Gain;
use mapi_sync_engine::{Mode, Object};
use real::sync as tokio;

use super::TryLockError;
use super::tracked::{Release, Use, guard, tracked};
use crate::inside::is_inside;
use crate::runtime::block_on;

const WRITE: Use = Use::queue("rwlock");
/// Readers that come one after the other may come in any order.
const READ: Use = Use { kind: "rwlock", mode: Mode::Commute, gain: Gain::Handed };

/// `tokio::sync::RwLock`.
pub struct RwLock<T: ?Sized> {
    object: Object,
    /// How a reader takes it.
    read: Use,
    real: tokio::RwLock<T>,
}

impl<T: ?Sized> RwLock<T> {
    /// A lock around `value`.
    pub fn new(value: T) -> Self
    where
        T: Sized,
    {
        Self { object: Object::new("RwLock"), read: READ, real: tokio::RwLock::new(value) }
    }

    /// The same for at most `max_reads` readers.
    ///
    /// # Panics
    ///
    /// If there are 0 or too many of them.
    #[track_caller]
    pub fn with_max_readers(value: T, max_reads: u32) -> Self
    where
        T: Sized,
    {
        // A reader may take the last place away from another.
        let real = tokio::RwLock::with_max_readers(value, max_reads);
        Self { object: Object::new("RwLock"), read: WRITE, real }
    }

    /// A lock around `value`, for a `static`.
    pub const fn const_new(value: T) -> Self
    where
        T: Sized,
    {
        let real = tokio::RwLock::const_new(value);
        Self { object: Object::of_static("RwLock"), read: READ, real }
    }

    /// The same for at most `max_reads` readers.
    ///
    /// # Panics
    ///
    /// If there are 0 or too many of them.
    #[track_caller]
    pub const fn const_with_max_readers(value: T, max_reads: u32) -> Self
    where
        T: Sized,
    {
        let real = tokio::RwLock::const_with_max_readers(value, max_reads);
        Self { object: Object::of_static("RwLock"), read: WRITE, real }
    }

    /// Waits until nobody writes, and locks for reading.
    pub async fn read(&self) -> RwLockReadGuard<'_, T> {
        let real = tracked(self.object, self.read, self.real.read()).await;
        RwLockReadGuard { real, release: Release::new(self.object) }
    }

    /// Locks for reading, and blocks the thread meanwhile.
    ///
    /// # Panics
    ///
    /// From an async task. Inside an execution, if somebody writes.
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        if is_inside() {
            block_on("RwLock::blocking_read", self.read())
        } else {
            RwLockReadGuard { real: self.real.blocking_read(), release: Release::new(self.object) }
        }
    }

    /// Waits until nobody writes, and locks for reading. The guard owns the lock.
    pub async fn read_owned(self: Arc<Self>) -> OwnedRwLockReadGuard<T>
    where
        T: Send + Sync + 'static,
    {
        let owned = OwnedAsyncSendBuilder {
            owner: self,
            guard_builder: |lock| {
                Box::pin(async {
                    Held::Reads(tracked(lock.object, lock.read, lock.real.read()).await)
                })
            },
        };
        OwnedRwLockReadGuard::new(owned.build().await)
    }

    /// Locks for reading now.
    ///
    /// # Errors
    ///
    /// If somebody writes, or waits for that.
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        self.object.write();
        let real = self.real.try_read()?;
        Ok(RwLockReadGuard { real, release: Release::new(self.object) })
    }

    /// The same with a guard that owns the lock.
    ///
    /// # Errors
    ///
    /// As [`try_read`](Self::try_read) has.
    pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError>
    where
        T: 'static,
    {
        self.object.write();
        Owned::try_new(self, |lock| lock.real.try_read().map(Held::Reads))
            .map(OwnedRwLockReadGuard::new)
    }

    /// Waits until nobody reads or writes, and locks for writing.
    pub async fn write(&self) -> RwLockWriteGuard<'_, T> {
        let real = tracked(self.object, WRITE, self.real.write()).await;
        RwLockWriteGuard { real, release: Release::new(self.object) }
    }

    /// Locks for writing, and blocks the thread meanwhile.
    ///
    /// # Panics
    ///
    /// From an async task. Inside an execution, if somebody reads or writes.
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        if is_inside() {
            block_on("RwLock::blocking_write", self.write())
        } else {
            let real = self.real.blocking_write();
            RwLockWriteGuard { real, release: Release::new(self.object) }
        }
    }

    /// Waits until nobody reads or writes, and locks for writing. The guard owns the lock.
    pub async fn write_owned(self: Arc<Self>) -> OwnedRwLockWriteGuard<T>
    where
        T: Send + Sync + 'static,
    {
        let owned = OwnedAsyncSendBuilder {
            owner: self,
            guard_builder: |lock| {
                Box::pin(async {
                    Held::Writes(tracked(lock.object, WRITE, lock.real.write()).await)
                })
            },
        };
        OwnedRwLockWriteGuard::new(owned.build().await)
    }

    /// Locks for writing now.
    ///
    /// # Errors
    ///
    /// If somebody reads or writes, or waits for that.
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        self.object.write();
        let real = self.real.try_write()?;
        Ok(RwLockWriteGuard { real, release: Release::new(self.object) })
    }

    /// The same with a guard that owns the lock.
    ///
    /// # Errors
    ///
    /// As [`try_write`](Self::try_write) has.
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError>
    where
        T: 'static,
    {
        self.object.write();
        Owned::try_new(self, |lock| lock.real.try_write().map(Held::Writes))
            .map(OwnedRwLockWriteGuard::new)
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
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object.read();
        self.real.fmt(f)
    }
}

/// The lock of a reader.
#[must_use = "the lock is free again at once"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    real: tokio::RwLockReadGuard<'a, T>,
    release: Release,
}

guard!(RwLockReadGuard);

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// Keeps the lock, and shows a part of the value.
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        RwLockReadGuard { real: tokio::RwLockReadGuard::map(this.real, f), release: this.release }
    }

    /// The same, if there is such a part.
    ///
    /// # Errors
    ///
    /// Itself, if there is none.
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let Self { real, release } = this;
        match tokio::RwLockReadGuard::try_map(real, f) {
            Ok(real) => Ok(RwLockReadGuard { real, release }),
            Err(real) => Err(Self { real, release }),
        }
    }
}

/// The lock of the writer.
#[must_use = "the lock is free again at once"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    real: tokio::RwLockWriteGuard<'a, T>,
    release: Release,
}

guard!(mut RwLockWriteGuard);

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Keeps the lock, and shows a part of the value.
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let Self { real, release } = this;
        RwLockMappedWriteGuard { real: tokio::RwLockWriteGuard::map(real, f), release }
    }

    /// The same, if there is such a part.
    ///
    /// # Errors
    ///
    /// Itself, if there is none.
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Self { real, release } = this;
        match tokio::RwLockWriteGuard::try_map(real, f) {
            Ok(real) => Ok(RwLockMappedWriteGuard { real, release }),
            Err(real) => Err(Self { real, release }),
        }
    }

    /// Becomes a reader of a part of the value. No other writer comes between.
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let Self { real, release } = this;
        let downgraded = tokio::RwLockWriteGuard::downgrade_map(real, f);
        downgrades(&release);
        RwLockReadGuard { real: downgraded, release }
    }

    /// The same, if there is such a part.
    ///
    /// # Errors
    ///
    /// Itself, if there is none.
    pub fn try_downgrade_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let Self { real, release } = this;
        match tokio::RwLockWriteGuard::try_downgrade_map(real, f) {
            Ok(real) => {
                downgrades(&release);
                Ok(RwLockReadGuard { real, release })
            }
            Err(real) => Err(Self { real, release }),
        }
    }

    /// Keeps the lock, and shows the value as a part.
    pub fn into_mapped(this: Self) -> RwLockMappedWriteGuard<'a, T> {
        let Self { real, release } = this;
        RwLockMappedWriteGuard { real: tokio::RwLockWriteGuard::into_mapped(real), release }
    }

    /// Becomes a reader. No other writer comes between.
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        let Self { real, release } = self;
        downgrades(&release);
        RwLockReadGuard { real: real.downgrade(), release }
    }
}

/// The writer lets readers in.
fn downgrades(release: &Release) {
    release.note();
}

/// The lock of the writer, which shows a part of the value.
#[must_use = "the lock is free again at once"]
pub struct RwLockMappedWriteGuard<'a, T: ?Sized> {
    real: tokio::RwLockMappedWriteGuard<'a, T>,
    release: Release,
}

guard!(mut RwLockMappedWriteGuard);

impl<'a, T: ?Sized> RwLockMappedWriteGuard<'a, T> {
    /// Keeps the lock, and shows a part of the part.
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let Self { real, release } = this;
        RwLockMappedWriteGuard { real: tokio::RwLockMappedWriteGuard::map(real, f), release }
    }

    /// The same, if there is such a part.
    ///
    /// # Errors
    ///
    /// Itself, if there is none.
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Self { real, release } = this;
        match tokio::RwLockMappedWriteGuard::try_map(real, f) {
            Ok(real) => Ok(RwLockMappedWriteGuard { real, release }),
            Err(real) => Err(Self { real, release }),
        }
    }
}

/// What an owned guard holds.
enum Held<'a, T: ?Sized> {
    Reads(tokio::RwLockReadGuard<'a, T>),
    Writes(tokio::RwLockWriteGuard<'a, T>),
    /// Only while the one becomes the other.
    Changes,
}

impl<T: ?Sized> Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Reads(guard) => guard,
            Self::Writes(guard) => guard,
            Self::Changes => unreachable!("no code runs while a guard changes"),
        }
    }
}

impl<T: ?Sized> DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match self {
            Self::Writes(guard) => guard,
            Self::Reads(_) | Self::Changes => unreachable!("only a write guard is asked"),
        }
    }
}

#[ouroboros::self_referencing]
struct Owned<T: ?Sized + 'static> {
    owner: Arc<RwLock<T>>,
    #[borrows(owner)]
    #[not_covariant]
    guard: Held<'this, T>,
}

/// The lock of a reader that owns the [`RwLock`].
#[must_use = "the lock is free again at once"]
pub struct OwnedRwLockReadGuard<T: ?Sized + 'static> {
    owned: Owned<T>,
    _release: Release,
}

impl<T: ?Sized> OwnedRwLockReadGuard<T> {
    fn new(owned: Owned<T>) -> Self {
        let release = Release::new(owned.borrow_owner().object);
        Self { owned, _release: release }
    }

    /// The lock.
    #[must_use]
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.owned.borrow_owner()
    }
}

impl<T: ?Sized> Deref for OwnedRwLockReadGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.owned.with_guard(|held| &**held)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OwnedRwLockReadGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for OwnedRwLockReadGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The lock of the writer that owns the [`RwLock`].
#[must_use = "the lock is free again at once"]
pub struct OwnedRwLockWriteGuard<T: ?Sized + 'static> {
    owned: Owned<T>,
    release: Release,
}

impl<T: ?Sized> OwnedRwLockWriteGuard<T> {
    fn new(owned: Owned<T>) -> Self {
        let release = Release::new(owned.borrow_owner().object);
        Self { owned, release }
    }

    /// Keeps the lock, and shows a part of the value.
    pub fn map<F, U: ?Sized + 'static>(this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let lock = Arc::clone(Self::rwlock(&this));
        OwnedRwLockMappedWriteGuard { mapped: Mapped::new(this, |guard| f(guard)), lock }
    }

    /// The same, if there is such a part.
    ///
    /// # Errors
    ///
    /// Itself, if there is none.
    pub fn try_map<F, U: ?Sized + 'static>(
        this: Self,
        f: F,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let lock = Arc::clone(Self::rwlock(&this));
        Mapped::try_new_or_recover(this, |guard| f(guard).ok_or(()))
            .map(|mapped| OwnedRwLockMappedWriteGuard { mapped, lock })
            .map_err(|((), heads)| heads.owner)
    }

    /// Keeps the lock, and shows the value as a part.
    pub fn into_mapped(this: Self) -> OwnedRwLockMappedWriteGuard<T> {
        Self::map(this, |value| value)
    }

    /// Becomes a reader. No other writer comes between.
    pub fn downgrade(self) -> OwnedRwLockReadGuard<T> {
        let Self { mut owned, release } = self;
        downgrades(&release);
        owned.with_guard_mut(|held| {
            if let Held::Writes(guard) = mem::replace(held, Held::Changes) {
                *held = Held::Reads(guard.downgrade());
            }
        });
        OwnedRwLockReadGuard { owned, _release: release }
    }

    /// The lock.
    #[must_use]
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.owned.borrow_owner()
    }
}

impl<T: ?Sized> Deref for OwnedRwLockWriteGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.owned.with_guard(|held| &**held)
    }
}

impl<T: ?Sized> DerefMut for OwnedRwLockWriteGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.owned.with_guard_mut(|held| &mut **held)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OwnedRwLockWriteGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for OwnedRwLockWriteGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[ouroboros::self_referencing]
struct Mapped<T: ?Sized + 'static, U: ?Sized + 'static> {
    owner: OwnedRwLockWriteGuard<T>,
    #[borrows(mut owner)]
    part: &'this mut U,
}

/// The lock of the writer that owns the [`RwLock`], and shows a part of the value.
#[must_use = "the lock is free again at once"]
pub struct OwnedRwLockMappedWriteGuard<T: ?Sized + 'static, U: ?Sized + 'static = T> {
    mapped: Mapped<T, U>,
    lock: Arc<RwLock<T>>,
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockMappedWriteGuard<T, U> {
    /// The lock.
    #[must_use]
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }
}

impl<T: ?Sized, U: ?Sized> Deref for OwnedRwLockMappedWriteGuard<T, U> {
    type Target = U;

    fn deref(&self) -> &U {
        self.mapped.borrow_part()
    }
}

impl<T: ?Sized, U: ?Sized> DerefMut for OwnedRwLockMappedWriteGuard<T, U> {
    fn deref_mut(&mut self) -> &mut U {
        self.mapped.with_part_mut(|part| &mut **part)
    }
}

impl<T: ?Sized, U: ?Sized + fmt::Debug> fmt::Debug for OwnedRwLockMappedWriteGuard<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

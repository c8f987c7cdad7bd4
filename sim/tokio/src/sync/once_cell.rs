//! A cell that is filled once.

use std::fmt;
use std::future::Future;

use mapi_sync_engine::Object;
use real::sync as tokio;

use super::SetError;
use super::tracked::touching;

/// `tokio::sync::OnceCell`.
pub struct OnceCell<T> {
    object: Object,
    real: tokio::OnceCell<T>,
}

impl<T> OnceCell<T> {
    fn of(real: tokio::OnceCell<T>) -> Self {
        Self { object: Object::new("OnceCell"), real }
    }

    /// A cell without a value.
    #[must_use]
    pub fn new() -> Self {
        Self::of(tokio::OnceCell::new())
    }

    /// The same for a `static`.
    #[must_use]
    pub const fn const_new() -> Self {
        Self { object: Object::of_static("OnceCell"), real: tokio::OnceCell::const_new() }
    }

    /// A cell with this value, if there is one.
    #[must_use]
    pub fn new_with(value: Option<T>) -> Self {
        Self::of(tokio::OnceCell::new_with(value))
    }

    /// A cell with this value, for a `static`.
    #[must_use]
    pub const fn const_new_with(value: T) -> Self {
        Self { object: Object::of_static("OnceCell"), real: tokio::OnceCell::const_new_with(value) }
    }

    /// Whether there is a value.
    #[must_use]
    pub fn initialized(&self) -> bool {
        self.object.read();
        self.real.initialized()
    }

    /// The value, if there is one.
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        self.object.read();
        self.real.get()
    }

    /// The value, if there is one.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.real.get_mut()
    }

    /// Sets the value.
    ///
    /// # Errors
    ///
    /// The value, if there is one already, or somebody is about to make it.
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        self.object.write();
        self.real.set(value)
    }

    /// The value, which `f` makes if there is none.
    pub async fn get_or_init<F, Fut>(&self, f: F) -> &T
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        touching(self.object, self.real.get_or_init(f)).await
    }

    /// The value, which `f` makes if there is none.
    ///
    /// # Errors
    ///
    /// As `f` has.
    pub async fn get_or_try_init<E, F, Fut>(&self, f: F) -> Result<&T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        touching(self.object, self.real.get_or_try_init(f)).await
    }

    /// The value, if there is one.
    #[must_use]
    pub fn into_inner(self) -> Option<T> {
        self.real.into_inner()
    }

    /// Takes the value out.
    pub fn take(&mut self) -> Option<T> {
        self.object.write();
        self.real.take()
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object.read();
        self.real.fmt(f)
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    fn clone(&self) -> Self {
        Self::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T> From<T> for OnceCell<T> {
    fn from(value: T) -> Self {
        Self::new_with(Some(value))
    }
}

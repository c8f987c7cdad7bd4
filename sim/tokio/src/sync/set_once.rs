//! A cell that is set once, and waited for.

use mapi_sync_engine::Object;
use real::sync as tokio;

use super::SetOnceError;
use super::tracked::{Use, tracked};

const WAIT: Use = Use::look("the value of");

/// `tokio::sync::SetOnce`.
#[derive(Debug)]
pub struct SetOnce<T> {
    object: Object,
    real: tokio::SetOnce<T>,
}

impl<T> SetOnce<T> {
    fn of(real: tokio::SetOnce<T>) -> Self {
        Self { object: Object::new("SetOnce"), real }
    }

    /// A cell without a value.
    #[must_use]
    pub fn new() -> Self {
        Self::of(tokio::SetOnce::new())
    }

    /// The same for a `static`.
    #[must_use]
    pub const fn const_new() -> Self {
        Self { object: Object::of_static("SetOnce"), real: tokio::SetOnce::const_new() }
    }

    /// A cell with this value, if there is one.
    #[must_use]
    pub fn new_with(value: Option<T>) -> Self {
        Self::of(tokio::SetOnce::new_with(value))
    }

    /// A cell with this value, for a `static`.
    #[must_use]
    pub const fn const_new_with(value: T) -> Self {
        Self { object: Object::of_static("SetOnce"), real: tokio::SetOnce::const_new_with(value) }
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

    /// Sets the value.
    ///
    /// # Errors
    ///
    /// The value, if there is one already.
    pub fn set(&self, value: T) -> Result<(), SetOnceError<T>> {
        self.object.write();
        self.real.set(value)
    }

    /// The value, if there is one.
    #[must_use]
    pub fn into_inner(self) -> Option<T> {
        self.real.into_inner()
    }

    /// Waits for the value.
    pub async fn wait(&self) -> &T {
        tracked(self.object, WAIT, self.real.wait()).await
    }
}

impl<T> Default for SetOnce<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone> Clone for SetOnce<T> {
    fn clone(&self) -> Self {
        self.object.read();
        Self::of(self.real.clone())
    }
}

impl<T: PartialEq> PartialEq for SetOnce<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for SetOnce<T> {}

impl<T> From<T> for SetOnce<T> {
    fn from(value: T) -> Self {
        Self::new_with(Some(value))
    }
}

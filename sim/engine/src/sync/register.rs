//! A cell that tasks share.

use std::fmt;
use std::sync::{Arc, Mutex};

use super::point::point;
use crate::footprint::Object;
use crate::lock::lock;

/// A shared value, like an atomic: each operation is indivisible and tracked.
///
/// The asynchronous operations are scheduling points. The plain ones act within the running
/// segment.
pub struct Register<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    object: Object,
    value: Mutex<T>,
}

impl<T> Register<T> {
    /// A register of this name that holds `value`.
    #[must_use]
    pub fn new(name: &'static str, value: T) -> Self {
        Self { inner: Arc::new(Inner { object: Object::new(name), value: Mutex::new(value) }) }
    }

    /// Replaces the value, within the running segment, and returns the one before.
    pub fn set(&self, value: T) -> T {
        self.inner.object.write();
        std::mem::replace(&mut *lock(&self.inner.value), value)
    }

    /// Changes the value by `change`, within the running segment. `change` must not use the engine.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        self.inner.object.write();
        change(&mut lock(&self.inner.value))
    }

    /// Changes the value in a way that gives the same result in any order, such as adding to a
    /// count. The caller answers for that. `change` must not use the engine, and must not let
    /// out what it sees.
    pub fn merge(&self, change: impl FnOnce(&mut T)) {
        self.inner.object.commute();
        change(&mut lock(&self.inner.value));
    }

    /// Looks at the value within the running segment. `look` must not use the engine.
    pub fn with<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        self.inner.object.read();
        look(&lock(&self.inner.value))
    }

    /// Replaces the value, in a segment of its own.
    pub async fn write(&self, value: T) {
        point().await;
        self.set(value);
    }

    /// [`update`](Self::update) in a segment of its own.
    pub async fn modify<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        point().await;
        self.update(change)
    }
}

impl<T: Clone> Register<T> {
    /// The value, read within the running segment.
    #[must_use]
    pub fn get(&self) -> T {
        self.with(T::clone)
    }

    /// The value, read in a segment of its own.
    pub async fn read(&self) -> T {
        point().await;
        self.get()
    }
}

impl<T> Clone for Register<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<T> fmt::Debug for Register<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Register").field("name", &self.inner.object.name()).finish_non_exhaustive()
    }
}

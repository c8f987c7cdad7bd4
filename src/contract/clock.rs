//! What time it is for a monitor.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A clock that shows what it was last set to: virtual time, in milliseconds. Cloning gives another
/// handle to the same clock.
///
/// # Examples
///
/// ```
/// use mapi_sync::contract::VirtualClock;
///
/// let clock = VirtualClock::new();
/// let seen = clock.clone();
/// clock.set(30);
/// assert_eq!(seen.now(), 30);
/// ```
#[derive(Clone, Debug, Default)]
pub struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    /// A clock that shows 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What it shows, in milliseconds.
    #[inline]
    #[must_use]
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Makes it show this many milliseconds.
    #[inline]
    pub fn set(&self, ms: u64) {
        self.0.store(ms, Ordering::Relaxed);
    }
}

impl From<Arc<AtomicU64>> for VirtualClock {
    /// A clock that shows the number, in milliseconds, and that whoever holds it sets.
    fn from(ms: Arc<AtomicU64>) -> Self {
        Self(ms)
    }
}

/// The clock of one monitor: a function that is called once for each call that is reported, or a
/// [`VirtualClock`]. It shows (virtual) milliseconds since an epoch of the caller's.
pub struct Clock(ClockKind);

enum ClockKind {
    Function(Box<dyn Fn() -> u64 + Send + Sync>),
    Virtual(VirtualClock),
}

impl Clock {
    #[inline]
    pub(super) fn now(&self) -> u64 {
        match &self.0 {
            ClockKind::Virtual(clock) => clock.now(),
            ClockKind::Function(function) => function(),
        }
    }

    /// What it shows if that is known without a call.
    #[inline]
    pub(super) fn virtual_now(&self) -> Option<u64> {
        match &self.0 {
            ClockKind::Virtual(clock) => Some(clock.now()),
            ClockKind::Function(_) => None,
        }
    }
}

impl<F: Fn() -> u64 + Send + Sync + 'static> From<F> for Clock {
    fn from(function: F) -> Self {
        Self(ClockKind::Function(Box::new(function)))
    }
}

impl From<VirtualClock> for Clock {
    fn from(clock: VirtualClock) -> Self {
        Self(ClockKind::Virtual(clock))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ClockKind::Virtual(clock) => f.debug_tuple("Clock").field(clock).finish(),
            ClockKind::Function(_) => f.debug_struct("Clock").finish_non_exhaustive(),
        }
    }
}

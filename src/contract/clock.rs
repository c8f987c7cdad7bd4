//! What time it is for a monitor.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A clock that shows what it was last set to: virtual time, in milliseconds. Cloning gives another
/// look at the same clock.
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
    #[inline(always)]
    #[must_use]
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Makes it show so many milliseconds.
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

/// What a plain call of a local monitor needs to begin and end by itself.
#[derive(Clone, Debug)]
pub(super) struct Quick {
    pub(super) clock: VirtualClock,
    /// How long the host may have heard nothing, in milliseconds.
    pub(super) silence_ms: u64,
}

impl PartialEq for Quick {
    /// Whether both look at the same clock, whatever it shows, and at the same bound.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.clock.0, &other.clock.0) && self.silence_ms == other.silence_ms
    }
}

/// The clock of one monitor.
pub(super) enum Clock {
    /// It is asked once for each call.
    Asked(Box<dyn Fn() -> u64 + Send + Sync>),
    /// It is looked at, which takes no call.
    Shown(Quick),
}

impl Clock {
    pub(super) fn now(&self) -> u64 {
        match self {
            Self::Asked(clock) => clock(),
            Self::Shown(quick) => quick.clock.now(),
        }
    }
}

//! A moment: real or virtual.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::sync::OnceLock;
use std::time;

use mapi_sync_engine as engine;

use super::Duration;
use crate::inside::is_inside;

/// A moment. Inside an execution [`now`](Self::now) is the virtual time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    std: time::Instant,
}

/// The moment at which every execution begins.
fn begin() -> time::Instant {
    static BEGIN: OnceLock<time::Instant> = OnceLock::new();
    *BEGIN.get_or_init(time::Instant::now)
}

/// What stands for a time that never comes: thirty years, as in tokio.
const FAR: Duration = Duration::from_secs(86_400 * 365 * 30);

impl Instant {
    /// The present moment.
    #[must_use]
    pub fn now() -> Self {
        if is_inside() {
            Self::from_ms(engine::now())
        } else {
            Self::from_std(real::time::Instant::now().into_std())
        }
    }

    /// The moment at that virtual time, in milliseconds.
    pub(super) fn from_ms(ms: u64) -> Self {
        let begin = begin();
        let std = begin.checked_add(Duration::from_millis(ms)).unwrap_or_else(|| begin + FAR);
        Self { std }
    }

    /// The virtual time of this moment, in milliseconds, rounded up.
    pub(super) fn ms(self) -> u64 {
        whole_ms(self.std.saturating_duration_since(begin()))
    }

    pub(super) fn real(self) -> real::time::Instant {
        real::time::Instant::from_std(self.std)
    }

    /// The same moment of the standard library.
    #[must_use]
    pub fn from_std(std: time::Instant) -> Self {
        Self { std }
    }

    /// The same moment of the standard library.
    #[must_use]
    pub fn into_std(self) -> time::Instant {
        self.std
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub fn duration_since(&self, earlier: Self) -> Duration {
        self.std.saturating_duration_since(earlier.std)
    }

    /// How long after `earlier` this is, if it is.
    #[must_use]
    pub fn checked_duration_since(&self, earlier: Self) -> Option<Duration> {
        self.std.checked_duration_since(earlier.std)
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.std.saturating_duration_since(earlier.std)
    }

    /// How much time has passed since.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Self::now().saturating_duration_since(*self)
    }

    /// The moment that much later, if there is one.
    #[must_use]
    pub fn checked_add(&self, duration: Duration) -> Option<Self> {
        self.std.checked_add(duration).map(Self::from_std)
    }

    /// The moment that much earlier, if there is one.
    #[must_use]
    pub fn checked_sub(&self, duration: Duration) -> Option<Self> {
        self.std.checked_sub(duration).map(Self::from_std)
    }
}

/// A length in whole milliseconds, rounded up.
pub(super) fn whole_ms(duration: Duration) -> u64 {
    let part = u64::from(duration.subsec_nanos().div_ceil(1_000_000));
    duration.as_secs().saturating_mul(1_000).saturating_add(part)
}

impl From<time::Instant> for Instant {
    fn from(std: time::Instant) -> Self {
        Self::from_std(std)
    }
}

impl From<Instant> for time::Instant {
    fn from(instant: Instant) -> Self {
        instant.into_std()
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self::from_std(self.std + duration)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.std.saturating_duration_since(earlier.std)
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self::from_std(self.std - duration)
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.std.fmt(f)
    }
}

//! Time: `tokio::time`.
//!
//! Inside an execution time is virtual, in whole milliseconds, and lengths are rounded up, as tokio
//! rounds them.

mod clock;
pub mod error;
mod instant;
mod interval;
mod sleep;
mod timeout;

pub use std::time::Duration;

pub use real::time::MissedTickBehavior;

#[cfg(feature = "test-util")]
pub(crate) use self::clock::start_paused;
#[cfg(feature = "test-util")]
pub use self::clock::{advance, pause, resume};
pub use self::instant::Instant;
pub use self::interval::{Interval, interval, interval_at};
pub use self::sleep::{Sleep, sleep, sleep_until};
pub use self::timeout::{Timeout, timeout, timeout_at};

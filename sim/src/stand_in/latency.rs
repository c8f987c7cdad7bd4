//! How long an operation takes.

use std::ops::RangeInclusive;

use crate::engine::{self, Site};

/// How long an operation takes, in virtual milliseconds: always the same, or drawn anew for each
/// operation.
///
/// A number is a fixed latency, an inclusive range one that is drawn. By default the lowest is
/// taken. It passes as [`work`](engine::work), so a check with late work may exceed it.
///
/// ```
/// use mapi_sync_sim::stand_in::Latency;
///
/// assert_eq!(Latency::from(20), Latency::from(20..=20));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Latency {
    least: u32,
    most: u32,
}

impl Latency {
    /// Draws one at this site.
    pub(super) fn draw(self, site: impl FnOnce() -> Site) -> u32 {
        let more = self.most.saturating_sub(self.least);
        if more == 0 {
            return self.least;
        }
        self.least + engine::choose(site(), more.saturating_add(1))
    }
}

impl From<u32> for Latency {
    fn from(ms: u32) -> Self {
        Self { least: ms, most: ms }
    }
}

impl From<RangeInclusive<u32>> for Latency {
    fn from(ms: RangeInclusive<u32>) -> Self {
        let (least, most) = ms.into_inner();
        Self { least, most: most.max(least) }
    }
}

/// Lets this many virtual milliseconds pass.
pub(super) async fn pass(ms: u32) {
    if ms > 0 {
        engine::work(u64::from(ms)).await;
    }
}

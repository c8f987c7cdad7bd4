//! How long the executions of a check took in virtual time.

use std::ops::RangeInclusive;

/// How many buckets there are: one for no time at all, and one for each power of two.
const BUCKETS: usize = 33;

/// A histogram of virtual durations: how many executions ended within which time.
///
/// A bucket begins where the one before ends and goes up to twice as far: 0, 1, 2 to 3, 4 to 7
/// milliseconds, and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durations {
    counts: [u64; BUCKETS],
}

impl Default for Durations {
    fn default() -> Self {
        Self { counts: [0; BUCKETS] }
    }
}

impl Durations {
    /// Adds an execution that took this many virtual milliseconds.
    pub(super) fn add(&mut self, ms: u64) {
        let bucket = (u64::BITS - ms.leading_zeros()) as usize;
        self.counts[bucket.min(BUCKETS - 1)] += 1;
    }

    /// Adds those of other executions.
    pub(super) fn merge(&mut self, other: &Self) {
        for (mine, more) in self.counts.iter_mut().zip(&other.counts) {
            *mine += more;
        }
    }

    /// The buckets from the first to the last that has an execution: from and to which millisecond,
    /// and how many executions.
    pub fn buckets(&self) -> impl Iterator<Item = (RangeInclusive<u64>, u64)> + '_ {
        let first = self.counts.iter().position(|count| *count > 0).unwrap_or(BUCKETS);
        let end = self.counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        let range = |bucket: usize| match bucket {
            0 => 0..=0,
            _ if bucket == BUCKETS - 1 => 1 << (bucket - 1)..=u64::MAX,
            _ => 1 << (bucket - 1)..=(1 << bucket) - 1,
        };
        (first..end).map(move |bucket| (range(bucket), self.counts[bucket]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_in_its_bucket() {
        let mut durations = Durations::default();
        assert_eq!(durations.buckets().count(), 0);
        for ms in [1, 3, 2, 8, 15, 16] {
            durations.add(ms);
        }
        let buckets: Vec<_> = durations.buckets().collect();
        assert_eq!(buckets, [(1..=1, 1), (2..=3, 2), (4..=7, 0), (8..=15, 2), (16..=31, 1)]);
        let mut twice = durations.clone();
        twice.merge(&durations);
        assert_eq!(twice.buckets().map(|(_, count)| count).sum::<u64>(), 12);
        for ms in [0, u64::MAX] {
            let mut durations = Durations::default();
            durations.add(ms);
            let bucket = durations.buckets().next().unwrap();
            assert!(bucket.0.contains(&ms), "{bucket:?}");
        }
    }
}

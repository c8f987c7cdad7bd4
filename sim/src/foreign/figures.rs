//! Figures of the process, before and after the syncs.

use std::time::Duration;

use super::run::{POLL, wait_until};
use super::{ForeignViolation, ProcessRule};

/// How many syncs it takes to distinguish a leak from noise.
const FEW: u32 = 8;

/// Private memory that grows by this much with most syncs is a leak. The check's own share is a few
/// kilobytes.
const LEAK_KIB: u64 = 256;

/// Figures of this process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process {
    handles: usize,
    threads: Option<usize>,
}

impl Process {
    fn now() -> Self {
        Self { handles: mapi_sync_probe::open_handles(), threads: mapi_sync_probe::threads() }
    }

    /// The figures once most threads that are about to end have ended.
    pub(super) async fn soon() -> Self {
        tokio::time::sleep(POLL * 10).await;
        Self::now()
    }

    /// The figures once they are no more than `before`, or after `grace`.
    pub(super) async fn settled(before: Self, grace: Duration) -> Self {
        let mut now = Self::now();
        wait_until(grace, || {
            now = Self::now();
            now.handles <= before.handles && now.threads <= before.threads
        })
        .await;
        now
    }
}

/// Compares the figures of the process. A leak grows with every sync. The system itself may add a
/// few handles or threads, so a few syncs show nothing.
pub(super) fn compare(syncs: u32, before: Process, after: Process) -> Vec<ForeignViolation> {
    let leaks = |before: usize, after: usize| {
        let more = after.saturating_sub(before);
        (syncs >= FEW && more * 4 >= syncs as usize * 3).then_some(more)
    };
    let mut found = Vec::new();
    if let Some(more) = leaks(before.handles, after.handles) {
        let message = format!("{more} handles more are open after {syncs} more syncs");
        found.push(ForeignViolation::of(ProcessRule::Handles, message));
    }
    if let (Some(before), Some(after)) = (before.threads, after.threads)
        && let Some(more) = leaks(before, after)
    {
        let message = format!("{more} threads more are running after {syncs} more syncs");
        found.push(ForeignViolation::of(ProcessRule::Threads, message));
    }
    found
}

/// Whether the private memory grew with most syncs, by its sizes in KiB after each.
///
/// One that fills a cache stops to grow, and one that grows now and then is at rest in most syncs.
pub(super) fn leaks_memory(sizes: &[u64]) -> Option<ForeignViolation> {
    // The first syncs load what all syncs share.
    let steady = sizes.get(2..)?;
    let steps = steady.len().checked_sub(1).filter(|&steps| steps >= FEW as usize - 2)?;
    let grew = steady.windows(2).filter(|pair| pair[1] >= pair[0].saturating_add(LEAK_KIB)).count();
    (grew * 4 >= steps * 3).then(|| {
        let more = steady[steps].saturating_sub(steady[0]);
        let message = format!("{more} KiB more are in use after {steps} more syncs");
        ForeignViolation::of(ProcessRule::Memory, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_grows_with_each_sync_is_a_leak() {
        let sizes: Vec<u64> = (0..20).map(|sync| 10_000 + sync * 2048).collect();
        let leak = leaks_memory(&sizes).expect("a leak");
        assert_eq!(leak.rule, "memory-returned");
        assert_eq!(leak.message, "34816 KiB more are in use after 17 more syncs");
    }

    #[test]
    fn caches_and_noise_are_no_leaks() {
        let cache = [10, 10, 10, 50_000, 90_000, 90_000, 90_000, 90_100, 90_000, 90_000, 90_050];
        assert_eq!(leaks_memory(&cache), None);
        let slow: Vec<u64> = (0..100).map(|sync| 10_000 + sync * 20).collect();
        assert_eq!(leaks_memory(&slow), None);
        assert_eq!(leaks_memory(&[0, 10_000, 20_000, 30_000]), None);
        assert_eq!(leaks_memory(&[]), None);
    }

    #[test]
    fn a_few_handles_are_noise() {
        let process = |handles, threads| Process { handles, threads: Some(threads) };
        assert_eq!(compare(19, process(30, 4), process(34, 5)), []);
        assert_eq!(compare(5, process(30, 4), process(40, 14)), []);
        let rules: Vec<_> = compare(19, process(30, 4), process(49, 23))
            .into_iter()
            .map(|violation| violation.rule)
            .collect();
        assert_eq!(rules, ["handles-closed", "threads-ended"]);
    }
}

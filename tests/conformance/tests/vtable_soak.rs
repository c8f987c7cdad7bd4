//! Many syncs through the method tables in one process: what was there before is all that is there after.
//!
//! The environment variable `MAPI_SYNC_SOAK` says how many; there is no other test in this program.

use std::time::{Duration, Instant};

use mapi_sync::com::{self, Provider};
use mapi_sync_conformance::provider::Scripted;
use mapi_sync_conformance::{case, cpp};

#[test]
fn vtable_soak() {
    let count =
        std::env::var("MAPI_SYNC_SOAK").map_or(2_000, |count| count.parse().expect("a number"));
    let store = Provider::new(Scripted::new(&case::plain())).into_sync().into();
    let run = |count| {
        let (well, references_left) = cpp::soak(&store, count);
        assert_eq!((well, references_left), (count, 0));
        settled(|| com::live_workers() == 0);
    };
    // The first ones fill caches and thread stacks.
    run(count / 10);
    let (handles, threads, memory) = (com::open_handles(), com::threads(), resident());
    let began = Instant::now();
    run(count - count / 10);
    let took = began.elapsed();

    settled(|| com::open_handles() <= handles && com::threads() <= threads);
    assert!(com::open_handles() <= handles, "{} handles, {handles} before", com::open_handles());
    assert!(com::threads() <= threads, "{:?} threads, {threads:?} before", com::threads());
    assert_eq!(com::live_workers(), 0);
    // The store itself.
    assert_eq!(com::live_objects(), 1);
    if let (Some(before), Some(after)) = (memory, resident()) {
        let grown = after.saturating_sub(before);
        println!(
            "{count} syncs, {took:?} for nine tenths of them; resident memory {before} KiB, then {after} KiB"
        );
        assert!(grown < 8 << 10, "{grown} KiB more than after the first tenth");
    }
}

/// Waits for what other threads are about to do.
fn settled(there: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !there() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Resident memory in KiB, where the system tells. Under Wine, Linux does.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

//! Many syncs through the method tables in one process leave nothing behind.
//!
//! The environment variable `MAPI_SYNC_SOAK` says how many. No other test runs in this program.

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
    let (handles, threads, memory) = (com::open_handles(), com::threads(), com::resident_kib());
    let began = Instant::now();
    run(count - count / 10);
    let took = began.elapsed();

    settled(|| com::open_handles() <= handles && com::threads() <= threads);
    assert!(com::open_handles() <= handles, "{} handles, {handles} before", com::open_handles());
    assert!(com::threads() <= threads, "{:?} threads, {threads:?} before", com::threads());
    assert_eq!(com::live_workers(), 0);
    // The store itself.
    assert_eq!(com::live_objects(), 1);
    let after = com::resident_kib();
    println!(
        "{count} syncs, the last nine tenths in {took:.1?}; handles {handles}, then {}; \
         threads {threads:?}, then {:?}; resident KiB {memory:?}, then {after:?}; \
         live workers {}; callback references left 0",
        com::open_handles(),
        com::threads(),
        com::live_workers(),
    );
    if let (Some(before), Some(after)) = (memory, after) {
        let grown = after.saturating_sub(before);
        assert!(grown < 8 << 10, "{grown} KiB more than after the first tenth");
    }
}

/// Waits until other threads have finished.
fn settled(there: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !there() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
}

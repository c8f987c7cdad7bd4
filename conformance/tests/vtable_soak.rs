//! Many syncs through the method tables in one process leave nothing behind.
//!
//! The environment variable `MAPI_SYNC_SOAK` says how many. No other test runs in this program.

use std::time::{Duration, Instant};

use mapi_sync::com::{self, Provider};
use mapi_sync_conformance::provider::Scripted;
use mapi_sync_conformance::{case, cpp};
use mapi_sync_probe::{open_handles, resident_kib, threads};

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
    let (handles_before, threads_before) = (open_handles(), threads());
    let memory = resident_kib();
    let began = Instant::now();
    run(count - count / 10);
    let took = began.elapsed();

    settled(|| open_handles() <= handles_before && threads() <= threads_before);
    let (handles_after, threads_after) = (open_handles(), threads());
    assert!(handles_after <= handles_before, "{handles_after} handles, {handles_before} before");
    assert!(
        threads_after <= threads_before,
        "{threads_after:?} threads, {threads_before:?} before"
    );
    assert_eq!(com::live_workers(), 0);
    // The store itself.
    assert_eq!(com::live_objects(), 1);
    let after = resident_kib();
    println!(
        "{count} syncs, the last nine tenths in {took:.1?}; \
         handles {handles_before}, then {handles_after}; \
         threads {threads_before:?}, then {threads_after:?}; \
         resident KiB {memory:?}, then {after:?}; \
         live workers {}; callback references left 0",
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

//! shuttle-tokio, under the random scheduler. Its `broadcast` is not written yet.

#[path = "../../programs/mod.rs"]
mod programs;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shuttle::scheduler::RandomScheduler;
use shuttle::{Config, FailurePersistence, Runner};
use side_by_side::{MOST, Program, serve};

fn hunt(program: Program, seed: u64) -> Option<u64> {
    let begun = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&begun);
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    config.silence_warnings = true;
    let most = usize::try_from(MOST).unwrap();
    let run = move || {
        Runner::new(RandomScheduler::new_from_seed(seed, most), config).run(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            shuttle::future::block_on(program());
        })
    };
    let found = catch_unwind(AssertUnwindSafe(run)).is_err();
    found.then(|| begun.load(Ordering::Relaxed))
}

fn main() {
    serve(programs::ALL, hunt);
}

//! Shuttle: random schedules, PCT, and the uniform random walk.

#[path = "../../programs/cells.rs"]
mod cells;
#[path = "../../programs/counters.rs"]
mod counters;
#[path = "../../programs/locks.rs"]
mod locks;
mod rates;
#[path = "../../programs/wakers.rs"]
mod wakers;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use peers::{Peer, Rated, answer};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler, UrwRandomScheduler};
use shuttle::{Config, FailurePersistence, Runner};
use world::World;

struct Shuttle;

impl Peer for Shuttle {
    fn rate(&self, program: &str, strategy: &str, millis: u64) -> Option<Rated> {
        rates::rate(program, strategy, millis)
    }

    fn hunt(&self, program: &str, strategy: &str, seed: u64, most: u64) -> Option<Option<u64>> {
        let program = cells::named(program)
            .or_else(|| counters::named(program))
            .or_else(|| locks::named(program))
            .or_else(|| wakers::named(program))?;
        let scheduler = scheduler(strategy, seed, usize::try_from(most).ok()?)?;
        let begun = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&begun);
        let run = move || {
            Runner::new(scheduler, config()).run(move || {
                counter.fetch_add(1, Ordering::Relaxed);
                program(&mut World);
            })
        };
        let found = catch_unwind(AssertUnwindSafe(run)).is_err();
        Some(found.then(|| begun.load(Ordering::Relaxed)))
    }
}

fn scheduler(strategy: &str, seed: u64, most: usize) -> Option<Box<dyn Scheduler + Send>> {
    Some(match strategy {
        "random" => Box::new(RandomScheduler::new_from_seed(seed, most)),
        "pct2" => Box::new(PctScheduler::new_from_seed(seed, 2, most)),
        "pct3" => Box::new(PctScheduler::new_from_seed(seed, 3, most)),
        "urw" => Box::new(UrwRandomScheduler::new_from_seed(seed, most)),
        _ => return None,
    })
}

fn config() -> Config {
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    config.silence_warnings = true;
    config
}

fn main() {
    answer(&Shuttle);
}

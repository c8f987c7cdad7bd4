//! TraceForge: exhaustive search over the orders in which messages are received.

#[path = "../../programs/cells.rs"]
mod cells;
#[path = "../../programs/channels.rs"]
mod channels;
#[path = "../../programs/shapes.rs"]
mod shapes;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use peers::{Peer, Searched, answer};
use traceforge::{Config, SchedulePolicy, verify};
use world::World;

struct TraceForge;

impl Peer for TraceForge {
    fn search(&self, program: &str) -> Option<Searched> {
        if matches!(program, "readers(13)" | "writers(8)" | "lastzero(12)") {
            // A cell receives messages, and the order of any two of them counts, even of two loads.
            // There are far too many orders.
            return None;
        }
        let program = shapes::named(program).or_else(|| channels::named(program))?;
        let config = Config::builder().with_progress_report(usize::MAX).build();
        let start = Instant::now();
        let stats = verify(config, move || program(&mut World));
        let seconds = start.elapsed().as_secs_f64();
        Some(Searched { executions: (stats.execs + stats.block) as u64, seconds })
    }

    fn hunt(&self, program: &str, _: &str, seed: u64, most: u64) -> Option<Option<u64>> {
        let program = cells::named(program)?;
        let config = Config::builder()
            .with_progress_report(usize::MAX)
            .with_policy(SchedulePolicy::Arbitrary)
            .with_seed(seed)
            .with_max_iterations(most)
            .build();
        let begun = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&begun);
        let found = catch_unwind(AssertUnwindSafe(|| {
            verify(config, move || {
                counter.fetch_add(1, Ordering::Relaxed);
                program(&mut World);
            })
        }))
        .is_err();
        Some(found.then(|| begun.load(Ordering::Relaxed)))
    }
}

fn main() {
    answer(&TraceForge);
}

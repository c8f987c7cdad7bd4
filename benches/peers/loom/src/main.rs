//! Loom: exhaustive search, under the memory model of C11.
//!
//! A model has at most five threads, the main one included.

#[path = "../../programs/cells.rs"]
mod cells;
#[path = "../../programs/counters.rs"]
mod counters;
#[path = "../../programs/locks.rs"]
mod locks;
#[path = "../../programs/shapes.rs"]
mod shapes;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use loom::model::Builder;
use peers::{Peer, Searched, answer};
use world::World;

struct Loom;

/// Runs a program's executions, at most `most` of them, and counts them. `Err` if one failed.
fn explore(program: fn(&mut World), most: Option<u64>) -> Result<u64, u64> {
    let begun = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&begun);
    let mut builder = Builder::new();
    if let Some(most) = most {
        builder.max_permutations = usize::try_from(most).ok();
        // Loom checks the maximum only when it would write a checkpoint.
        builder.checkpoint_interval = 1;
    }
    let explored = catch_unwind(AssertUnwindSafe(|| {
        builder.check(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            program(&mut World);
        });
    }));
    let executions = begun.load(Ordering::Relaxed);
    explored.map(|()| executions).map_err(|_| executions)
}

impl Peer for Loom {
    fn search(&self, program: &str) -> Option<Searched> {
        // The other programs have too many threads.
        let program = shapes::named(program).filter(|_| program == "readers(2)")?;
        let start = Instant::now();
        let executions = explore(program, None).expect("nothing fails");
        Some(Searched { executions, seconds: start.elapsed().as_secs_f64() })
    }

    fn hunt(&self, program: &str, _: &str, _: u64, most: u64) -> Option<Option<u64>> {
        if program == "late reports (8)" {
            // Too many threads.
            return None;
        }
        let program = cells::named(program)
            .or_else(|| counters::named(program))
            .or_else(|| locks::named(program))?;
        Some(explore(program, Some(most)).err())
    }

    fn is_seeded(&self, _: &str) -> bool {
        false
    }
}

fn main() {
    answer(&Loom);
}

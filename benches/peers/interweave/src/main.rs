//! Interweave: exhaustive search, one execution for each class.

#[path = "../../programs/cells.rs"]
mod cells;
#[path = "../../programs/channels.rs"]
mod channels;
#[path = "../../programs/shapes.rs"]
mod shapes;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use interweave::{Observer, Step, StepCx, explore};
use peers::{Peer, Searched, answer};
use world::World;

struct Interweave;

/// Counts executions, and stops after `most`. A panic is the only way to stop.
struct Executions {
    ended: u64,
    most: u64,
}

impl Observer for Executions {
    fn step(&mut self, step: Step<'_>, cx: StepCx<'_, '_>) {
        if let Step::Visit = step
            && cx.state().is_terminal()
        {
            self.ended += 1;
            assert!(self.ended < self.most, "enough");
        }
    }
}

impl Peer for Interweave {
    fn search(&self, program: &str) -> Option<Searched> {
        let program = shapes::named(program).or_else(|| channels::named(program))?;
        let mut executions = Executions { ended: 0, most: u64::MAX };
        let start = Instant::now();
        explore(&|world| program(&mut World(world)), &mut executions).expect("nothing fails");
        let seconds = start.elapsed().as_secs_f64();
        Some(Searched { executions: executions.ended, seconds })
    }

    fn hunt(&self, program: &str, _: &str, _: u64, most: u64) -> Option<Option<u64>> {
        // The library does not see what wakers share, so it would reduce too much.
        let program = cells::named(program)?;
        let mut executions = Executions { ended: 0, most };
        let explored = catch_unwind(AssertUnwindSafe(|| {
            explore(&|world| program(&mut World(world)), &mut executions).is_ok()
        }));
        let found = match explored {
            Ok(held) => !held,
            // Either a task panicked, or `most` was reached.
            Err(_) => executions.ended < most,
        };
        // An execution that panics ends before it is counted. One that deadlocks is counted.
        let panicked = u64::from(explored.is_err());
        Some(found.then_some(executions.ended + panicked))
    }

    fn is_seeded(&self, _: &str) -> bool {
        false
    }
}

fn main() {
    answer(&Interweave);
}

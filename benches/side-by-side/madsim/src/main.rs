//! madsim-tokio, a runtime for each seed. It has no `JoinSet`.

#[path = "../../programs/mod.rs"]
mod programs;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use madsim::Config;
use madsim::runtime::Runtime;
use side_by_side::{Program, hunt_by_seeds, serve};

fn hunt(program: Program, seed: u64) -> Option<u64> {
    hunt_by_seeds(seed, |seed| holds(program, seed))
}

fn holds(program: Program, seed: u64) -> bool {
    let run = || {
        let mut runtime = Runtime::with_seed_and_config(seed, Config::default());
        runtime.set_time_limit(Duration::from_secs(60));
        runtime.block_on(program());
    };
    // A program that waits for ever is a panic too.
    catch_unwind(AssertUnwindSafe(run)).is_ok()
}

fn main() {
    serve(programs::ALL, hunt);
}

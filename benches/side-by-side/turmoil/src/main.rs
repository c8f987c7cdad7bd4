//! turmoil: one host with tokio's own scheduler, a simulation for each seed.

#[path = "../../programs/mod.rs"]
mod programs;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use side_by_side::{Program, hunt_by_seeds, serve};

fn hunt(program: Program, seed: u64) -> Option<u64> {
    hunt_by_seeds(seed, |seed| holds(program, seed))
}

fn holds(program: Program, seed: u64) -> bool {
    let mut builder = turmoil::Builder::new();
    builder.rng_seed(seed).enable_random_order().simulation_duration(Duration::from_secs(1));
    let mut simulation = builder.build();
    simulation.client("main", async move {
        program().await;
        Ok(())
    });
    // A program that waits for ever is an error at the end of the time.
    catch_unwind(AssertUnwindSafe(|| simulation.run())).is_ok_and(|ended| ended.is_ok())
}

fn main() {
    serve(programs::ALL, hunt);
}

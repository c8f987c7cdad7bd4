//! turmoil: one host with tokio's own scheduler, a simulation for each seed.

#[path = "../../programs/aborts.rs"]
mod aborts;
#[path = "../../programs/broadcast.rs"]
mod broadcast;
#[path = "../../programs/intervals.rs"]
mod intervals;
#[path = "../../programs/join_set.rs"]
mod join_set;
#[path = "../../programs/mpsc.rs"]
mod mpsc;
#[path = "../../programs/mutex.rs"]
mod mutex;
#[path = "../../programs/notify.rs"]
mod notify;
#[path = "../../programs/select_loops.rs"]
mod select_loops;
#[path = "../../programs/timeouts.rs"]
mod timeouts;
#[path = "../../programs/watch.rs"]
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use side_by_side::{MOST, serve};

fn hunt<F>(program: fn() -> F, seed: u64) -> Option<u64>
where
    F: Future<Output = ()> + 'static,
{
    (0..MOST).find(|run| !holds(program, seed * MOST + run)).map(|run| run + 1)
}

fn holds<F>(program: fn() -> F, seed: u64) -> bool
where
    F: Future<Output = ()> + 'static,
{
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
    side_by_side::programs! {
        hunt:
        timeouts, intervals, select_loops, aborts, join_set, mpsc, mutex, notify, broadcast,
        watch
    }
}

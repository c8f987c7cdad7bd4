//! madsim-tokio, a runtime for each seed. It has no `JoinSet`.

#[path = "../../programs/aborts.rs"]
mod aborts;
#[path = "../../programs/broadcast.rs"]
mod broadcast;
#[path = "../../programs/intervals.rs"]
mod intervals;
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

use madsim::Config;
use madsim::runtime::Runtime;
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
    let run = || {
        let mut runtime = Runtime::with_seed_and_config(seed, Config::default());
        runtime.set_time_limit(Duration::from_secs(60));
        runtime.block_on(program());
    };
    // A program that waits for ever is a panic too.
    catch_unwind(AssertUnwindSafe(run)).is_ok()
}

fn main() {
    side_by_side::programs! {
        hunt:
        timeouts, intervals, select_loops, aborts, mpsc, mutex, notify, broadcast, watch
    }
}

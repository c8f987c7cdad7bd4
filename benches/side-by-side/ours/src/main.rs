//! mapi-sync-tokio, under `explore` with default settings.

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

use mapi_sync_sim::explore;
use side_by_side::{MOST, serve};

fn hunt<F>(program: fn() -> F, seed: u64) -> Option<u64>
where
    F: Future<Output = ()> + 'static,
{
    let check = explore(program).seed(seed).schedules(MOST).jobs(1);
    let report = check.fail_fast(true).shrink(false).run();
    report.counterexamples.first().map(|first| first.index + 1)
}

fn main() {
    side_by_side::programs! {
        hunt:
        timeouts, intervals, select_loops, aborts, join_set, mpsc, mutex, notify, broadcast,
        watch
    }
}

//! mapi-sync-tokio, under `explore` with default settings.

#[path = "../../programs/mod.rs"]
mod programs;

use mapi_sync_sim::explore;
use side_by_side::{MOST, Program, serve};

fn hunt(program: Program, seed: u64) -> Option<u64> {
    let check = explore(program).seed(seed).schedules(MOST).jobs(1);
    let report = check.fail_fast(true).shrink(false).run();
    report.counterexamples.first().map(|first| first.index + 1)
}

fn main() {
    serve(programs::ALL, hunt);
}

//! What each peer does with the programs, and what it prints.

use std::pin::Pin;
use std::time::Instant;

pub mod table;

/// How many schedules a hunt may take.
pub const MOST: u64 = 1_000;

/// How many hunts there are for each program, each with a seed of its own.
pub const SEEDS: u64 = 5;

/// The programs, in the order of the table.
pub const PROGRAMS: &[&str] = &[
    "timeouts",
    "intervals",
    "select_loops",
    "aborts",
    "join_set",
    "mpsc",
    "mutex",
    "notify",
    "broadcast",
    "watch",
];

/// A program: makes its main future.
pub type Program = fn() -> Pin<Box<dyn Future<Output = ()>>>;

/// Hunts the bug of each program under each seed, and prints a line for it: the name, for each seed
/// how many schedules it took or 0, and the seconds of all, with tabs between them.
pub fn serve(programs: &[(&str, Program)], hunt: impl Fn(Program, u64) -> Option<u64>) {
    for (name, program) in programs {
        let began = Instant::now();
        let found = (1..=SEEDS).map(|seed| hunt(*program, seed).unwrap_or(0).to_string());
        let found: Vec<String> = found.collect();
        println!("{name}\t{}\t{:.3}", found.join(","), began.elapsed().as_secs_f64());
    }
}

/// Hunts by a run for each seed, as far as `holds` says so. Returns how many runs it took.
pub fn hunt_by_seeds(seed: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    (0..MOST).find(|run| !holds(seed * MOST + run)).map(|run| run + 1)
}

//! What each peer does with the programs, and what it prints.

use std::time::Instant;

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

/// Hunts the bug of each of these programs, and prints what came of it.
#[macro_export]
macro_rules! programs {
    ($hunt:ident: $($name:ident),+) => {
        $(serve(stringify!($name), |seed| $hunt($name::program, seed));)+
    };
}

/// Hunts the bug of one program under each seed, and prints a line: the name, for each seed how
/// many schedules it took or 0, and the seconds of all, with tabs between them.
pub fn serve(program: &str, hunt: impl Fn(u64) -> Option<u64>) {
    let began = Instant::now();
    let found = (1..=SEEDS).map(|seed| hunt(seed).unwrap_or(0).to_string());
    let found: Vec<String> = found.collect();
    println!("{program}\t{}\t{:.3}", found.join(","), began.elapsed().as_secs_f64());
}

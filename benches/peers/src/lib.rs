//! What the runner asks of each peer, and what a peer answers.
//!
//! Each peer is a separate binary, because some cannot be linked together. Its command line says
//! what to run, and it answers with one line of JSON. [`answer`] does both for each [`Peer`].

use serde::{Deserialize, Serialize};

/// Programs to search exhaustively, with the number of their classes.
pub const SEARCHES: &[(&str, u64)] = &[
    ("readers(13)", 8_192),
    ("writers(8)", 40_320),
    ("lastzero(12)", 15_360),
    ("senders(7)", 5_040),
    ("readers(2)", 4),
];

/// Programs to run under random schedules, as often as possible.
///
/// - `yields_2x10`: two tasks that yield ten times each.
/// - `provider_4x8`: four folder workers that report eight steps each into one position, and one
///   Done after them. In ours the host calls the contract monitor directly, and there is nothing
///   else around the workers.
/// - `provider_4x8, through check`: the same as a provider that ours runs as `check` does, with the
///   session, the simulated host and the monitor. This is what a user gets. The peers and the bare
///   loop run what they run for `provider_4x8`, without a monitor.
pub const RATES: &[&str] = &["yields_2x10", "provider_4x8", "provider_4x8, through check"];

/// Programs with a bug.
pub const BUGS: &[&str] = &[
    "bounded buffer",
    "cancelled waiter",
    "last message",
    "oneshot",
    "broadcast",
    "done or timeout",
    "late write (25)",
    "late reports (3)",
    "late reports (8)",
];

/// A completed search.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Searched {
    /// How many executions it took.
    pub executions: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// Executions under random schedules.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Rated {
    /// How many there were.
    pub executions: u64,
    /// How long they took, in seconds.
    pub seconds: f64,
    /// Scheduling points of the average execution: places where the scheduler was asked or could
    /// have been.
    pub points: f64,
}

/// The hunts for a bug, one for each seed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Hunted {
    /// How many executions each took, the one that showed the bug included; `None` if the bug did
    /// not show.
    pub executions: Vec<Option<u64>>,
}

/// A library that is compared. `None` means that it cannot express the program, or has no such
/// strategy.
pub trait Peer {
    /// Searches all schedules of one of [`SEARCHES`].
    fn search(&self, program: &str) -> Option<Searched> {
        let _ = program;
        None
    }

    /// Runs one of [`RATES`] under random schedules for about `millis` milliseconds.
    fn rate(&self, program: &str, strategy: &str, millis: u64) -> Option<Rated> {
        let _ = (program, strategy, millis);
        None
    }

    /// Runs one of [`BUGS`] until the bug shows, at most `most` times. Returns how many executions
    /// that took; `Some(None)` if the bug did not show.
    fn hunt(&self, program: &str, strategy: &str, seed: u64, most: u64) -> Option<Option<u64>> {
        let _ = (program, strategy, seed, most);
        None
    }

    /// Whether another seed may give another result.
    fn is_seeded(&self, strategy: &str) -> bool {
        let _ = strategy;
        true
    }
}

/// Reads from the command line what to run, runs it, and prints the result.
///
/// # Panics
///
/// If the command line is not one that the runner writes, or a program fails that must not.
pub fn answer(peer: &impl Peer) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse().expect("a number");
    let line = match arguments[..] {
        ["search", program] => serde_json::to_string(&peer.search(program)),
        ["rate", program, strategy, millis] => {
            serde_json::to_string(&peer.rate(program, strategy, number(millis)))
        }
        ["hunt", program, strategy, seeds, most] => {
            let seeds = if peer.is_seeded(strategy) { number(seeds) } else { 1 };
            let hunt = |seed| peer.hunt(program, strategy, seed, number(most));
            let executions: Option<Vec<_>> = (0..seeds).map(hunt).collect();
            serde_json::to_string(&executions.map(|executions| Hunted { executions }))
        }
        _ => panic!("not a request of the runner: {arguments:?}"),
    };
    println!("{}", line.expect("plain data"));
}

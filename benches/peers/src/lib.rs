//! What the runner asks of each peer, and what a peer answers.
//!
//! Each peer is a binary of its own, for some cannot be linked together. It is told on its command
//! line what to run and answers with one line of JSON: [`answer`] does both for whoever implements
//! [`Peer`].

use serde::{Deserialize, Serialize};

/// Programs to be searched exhaustively, with the number of their classes.
pub const SEARCHES: &[(&str, u64)] = &[
    ("readers(13)", 8_192),
    ("writers(8)", 40_320),
    ("lastzero(12)", 15_360),
    ("senders(7)", 5_040),
    ("readers(2)", 4),
];

/// Programs to be run under random schedules, as often as possible.
pub const RATES: &[&str] = &["yields_2x10", "provider_4x8"];

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

/// A search that has come to its end.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Searched {
    /// How many executions it took.
    pub executions: u64,
    /// How long it took.
    pub seconds: f64,
}

/// Executions under random schedules.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Rated {
    /// How many there were.
    pub executions: u64,
    /// How long they took.
    pub seconds: f64,
    /// How many scheduling points the average execution had: places where the scheduler was asked
    /// or could have been.
    pub points: f64,
}

/// Hunts for a bug, one for each seed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Hunted {
    /// How many executions each took, the one that showed the bug included; `None` if the bug did
    /// not show.
    pub executions: Vec<Option<u64>>,
}

/// One of those compared. `None` says that it cannot express a program, or has no such strategy.
pub trait Peer {
    /// Searches all schedules of one of [`SEARCHES`].
    fn search(&self, program: &str) -> Option<Searched> {
        let _ = program;
        None
    }

    /// Runs one of [`RATES`] under random schedules for about as long as is said.
    fn rate(&self, program: &str, strategy: &str, millis: u64) -> Option<Rated> {
        let _ = (program, strategy, millis);
        None
    }

    /// Runs one of [`BUGS`] until the bug shows, but at most `most` times.
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

/// Reads from the command line what to run, runs it, and prints what came of it.
///
/// # Panics
///
/// If the command line is not one that the runner writes.
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
        _ => panic!("not a request of the runner's: {arguments:?}"),
    };
    println!("{}", line.expect("plain data"));
}

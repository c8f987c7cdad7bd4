//! Programs on published crates, and what a check says of each.
//!
//! Prints a line for each check, with tabs between the fields. If the command line names programs,
//! it prints the reports of these.

mod of {
    pub(crate) mod async_imap;
    pub(crate) mod bb8;
    pub(crate) mod deadpool;
    pub(crate) mod hyper;
    pub(crate) mod moka;
    pub(crate) mod tokio_stream;
    pub(crate) mod tokio_util;
    pub(crate) mod tower;
}

use std::env;
use std::future::Future;
use std::pin::Pin;

use mapi_sync_sim::{Check, explore};

/// How one program is checked, apart from the check with default settings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Also {
    Nothing,
    /// Every schedule, or a drop of each droppable task at each of its awaits.
    Search(&'static str),
}

struct Program {
    name: &'static str,
    run: fn() -> Pin<Box<dyn Future<Output = ()>>>,
    also: Also,
}

macro_rules! programs {
    ($($of:ident: $($name:ident $also:expr),+;)+) => {
        &[$($(Program {
            name: concat!(stringify!($of), " ", stringify!($name)),
            run: || Box::pin(of::$of::$name()),
            also: $also,
        }),+),+]
    };
}

const EXHAUSTIVE: Also = Also::Search("exhaustive");
const CANCELLATIONS: Also = Also::Search("cancellations");

const PROGRAMS: &[Program] = programs![
    async_imap: session_of_commands Also::Nothing, idle Also::Nothing;
    bb8: users Also::Nothing, drops CANCELLATIONS;
    deadpool: users EXHAUSTIVE, drops CANCELLATIONS;
    hyper: requests Also::Nothing, shutdown Also::Nothing;
    moka: one_load EXHAUSTIVE, drops CANCELLATIONS;
    tokio_stream: map Also::Nothing, chunks EXHAUSTIVE;
    tokio_util: tracker Also::Nothing, delays EXHAUSTIVE;
    tower: buffer Also::Nothing, limit Also::Nothing;
];

impl Program {
    fn check(&self) -> Check {
        explore(self.run).name(self.name.replace(' ', "-"))
    }

    fn report(&self, mode: &str) {
        let check = match mode {
            "default" => self.check(),
            "cancellations" => self.check().cancellations(),
            strategy => self.check().strategy(strategy).expect("a strategy"),
        };
        let report = check.run();
        let verdict = match report.counterexamples.first() {
            Some(first) => format!("found: {}", first.defects[0].id()),
            None if !report.holds() => "incomplete".to_owned(),
            None => match report.proof {
                Some(proof) if proof.complete => "certified".to_owned(),
                _ => "held".to_owned(),
            },
        };
        let seconds = report.elapsed.as_secs_f64();
        println!("{}\t{mode}\t{}\t{verdict}\t{seconds:.1}", self.name, report.schedules);
    }
}

fn main() {
    let named: Vec<String> = env::args().skip(1).collect();
    if named.is_empty() {
        for program in PROGRAMS {
            program.report("default");
            if let Also::Search(strategy) = program.also {
                program.report(strategy);
            }
        }
    }
    for name in named {
        let program = PROGRAMS.iter().find(|program| program.name == name);
        let program = program.unwrap_or_else(|| panic!("there is no program {name:?}"));
        println!("{}", program.check().run());
    }
}

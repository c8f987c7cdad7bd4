//! Runs every program against the version with the bug and the one without, and prints a table.

use std::process::ExitCode;

use bugs::sets::{Shown, run, table};
use bugs::{SCHEDULES, SEEDS};

fn main() -> ExitCode {
    match run() {
        Ok(shown) => {
            print!("{}", table(&shown));
            println!("\nHeld: over {SCHEDULES} schedules. Most: of {SEEDS} seeds.");
            if shown.iter().all(Shown::is_as_expected) {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

//! Runs every program against the version with the bug and the one without, and prints a table.

use std::process::ExitCode;

use bugs::SCHEDULES;
use bugs::sets::{Shown, run, table};

fn main() -> ExitCode {
    match run() {
        Ok(shown) => {
            print!("{}", table(&shown));
            println!("\nHeld: over {SCHEDULES} schedules.\n");
            for shown in &shown {
                println!("{}: {}", shown.bug.program, shown.buggy.how);
            }
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

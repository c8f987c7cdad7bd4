//! Runs the programs, and prints the table of the page.

use std::process::ExitCode;

fn main() -> ExitCode {
    match crates::programs() {
        Ok(lines) => {
            print!("{}", crates::markdown(&lines));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

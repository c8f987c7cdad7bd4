//! Builds the peers, runs them, and prints a table.

use std::process::ExitCode;

use side_by_side::table::table;

fn main() -> ExitCode {
    match table() {
        Ok(table) => {
            print!("{table}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

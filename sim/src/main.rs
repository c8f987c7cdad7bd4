//! The command `mapi-sync`: checks store providers against the synchronization contract.
#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}

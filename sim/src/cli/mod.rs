//! The command: its arguments, the work it starts, and how it ends.

mod args;
mod check;
#[cfg(windows)]
mod com_check;
mod doctor;
mod failure;
mod fit;
mod import;
mod missed;
mod output;
mod progress;
mod rules;
mod scenario;
mod screen;
mod shell;
mod source;
mod status;
mod trace;

use std::process::ExitCode;

use args::{Args, Command};
use clap::Parser;
use status::Status;

/// Runs the command that the process was started with.
pub(crate) fn main() -> ExitCode {
    // Usage errors end here, with the status of `Status::Unusable`.
    let args = Args::parse();
    let result = match args.command {
        Command::Check(args) => check::check(&args),
        Command::Replay(args) => check::replay(&args),
        Command::Explore(args) => screen::explore(&args),
        Command::Play(args) => screen::play(&args),
        Command::Mutants(args) => check::mutants(&args),
        Command::Missed(args) => missed::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Scenario(args) => scenario::run(&args),
        Command::Trace(args) => trace::run(&args),
        Command::Doctor => doctor::run(),
        Command::Completions(args) => shell::completions(&args),
        Command::Man(args) => shell::man(&args),
        #[cfg(windows)]
        Command::ComCheck(args) => com_check::run(&args),
    };
    let status = result.unwrap_or_else(|failure| {
        failure.print();
        Status::Unusable
    });
    status.into()
}

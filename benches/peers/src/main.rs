//! Builds the peers, runs the same programs on each in turns, and prints how they compare.

mod plan;
mod run;
mod table;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: peers [--rounds N] [--turns N] [--millis N] [--seeds N] [--most N]
             [--json] [--only search|rate|bugs]

  --rounds N  how often each search runs, all peers taking turns (5)
  --turns N   how often each rate is measured, all peers taking turns (75)
  --millis N  how long each turn of a rate lasts, in milliseconds (20)
  --seeds N   how many hunts for each bug (20)
  --most N    how many executions a hunt may take (10000)
  --json      print JSON instead of tables
  --only WHAT run one of the three tables";

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let outcome = plan::Plan::from_arguments(std::env::args().skip(1)).and_then(|plan| {
        let peers = run::Binaries::build()?;
        let results = run::run(&plan, &peers)?;
        if plan.json {
            serde_json::to_writer_pretty(std::io::stdout().lock(), &results)
                .map_err(|error| error.to_string())?;
            println!();
        } else {
            print!("{}", table::Tables(&results));
        }
        Ok(())
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

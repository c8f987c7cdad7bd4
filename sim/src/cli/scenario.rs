//! `scenario`: lists, shows and checks scenario files.

use std::path::PathBuf;

use mapi_sync_sim::report::{Document, FileMistake, Format, ScenarioFile};
use mapi_sync_sim::world::builtins;

use super::args::{ScenarioArgs, ScenarioCommand};
use super::failure::Failure;
use super::status::Status;
use super::{output, source};

pub(super) fn run(args: &ScenarioArgs) -> Result<Status, Failure> {
    match &args.command {
        ScenarioCommand::List { output } => {
            output::write(output.format, Document::Scenarios(builtins()))?;
            Ok(Status::Held)
        }
        ScenarioCommand::Show { scenario, output } => {
            let check = source::check(scenario)?;
            output::write(output.format, Document::Scenario(check.scenario()))?;
            Ok(Status::Held)
        }
        ScenarioCommand::Check { files, output } => check(files, output.format),
    }
}

/// Reads all files, even if the first is wrong.
fn check(paths: &[PathBuf], format: Format) -> Result<Status, Failure> {
    let results: Vec<_> = paths.iter().map(|path| source::read(path)).collect();
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let files: Vec<ScenarioFile<'_>> = names
        .iter()
        .zip(&results)
        .map(|(path, result)| ScenarioFile {
            path,
            read: result.as_ref().map_err(|failure| match failure {
                Failure::Scenario(error) => FileMistake::Invalid(error),
                other => FileMistake::Unreadable(other.to_string()),
            }),
        })
        .collect();
    output::write(format, Document::ScenarioFiles(&files))?;
    let mut verdict = Ok(Status::Held);
    for failure in results.into_iter().filter_map(Result::err) {
        if format == Format::Human {
            failure.print();
        }
        verdict = Err(Failure::Reported);
    }
    verdict
}

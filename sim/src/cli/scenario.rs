//! `scenario`: the files that describe what is run.

use mapi_sync_sim::report::json;
use mapi_sync_sim::world::builtins;

use super::args::{Format, ScenarioArgs, ScenarioCommand};
use super::failure::Failure;
use super::{Verdict, output, source};

pub(super) fn run(args: &ScenarioArgs) -> Result<Verdict, Failure> {
    match &args.command {
        ScenarioCommand::List { output } => list(output.format),
        ScenarioCommand::Show { scenario, output } => show(scenario, output.format),
        ScenarioCommand::Check { files, output } => check(files, output.format),
    }
}

fn list(format: Format) -> Result<Verdict, Failure> {
    let width = builtins().iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
    output::write(
        format,
        || json::Scenarios::new(builtins()),
        |out, palette| {
            let literal = palette.literal;
            for scenario in builtins() {
                let (name, about) = (&scenario.name, &scenario.about);
                writeln!(out, "{literal}{name:width$}{literal:#}  {about}")?;
            }
            Ok(())
        },
    )?;
    Ok(Verdict::Held)
}

fn show(name: &str, format: Format) -> Result<Verdict, Failure> {
    let check = source::check(name)?;
    let scenario = check.the_scenario();
    output::write(
        format,
        || json::ShownScenario::new(scenario),
        |out, _| out.write_all(scenario.to_toml().as_bytes()),
    )?;
    Ok(Verdict::Held)
}

/// Reads all files, even if the first is wrong.
fn check(files: &[String], format: Format) -> Result<Verdict, Failure> {
    let results: Vec<_> = files.iter().map(|file| source::read(file)).collect();
    let messages: Vec<String> = results
        .iter()
        .map(|result| result.as_ref().err().map(ToString::to_string).unwrap_or_default())
        .collect();
    let json = || {
        let mut checked = json::CheckedScenarios::new();
        for ((file, result), message) in files.iter().zip(&results).zip(&messages) {
            match result {
                Ok(scenario) => checked.add_valid(file, scenario),
                Err(Failure::Scenario(error)) => checked.add_invalid(file, error),
                Err(_) => checked.add_unreadable(file, message),
            }
        }
        checked
    };
    output::write(format, json, |out, palette| {
        let good = palette.good;
        for (file, result) in files.iter().zip(&results) {
            if let Ok(scenario) = result {
                writeln!(out, "{file}: {good}valid{good:#}: {}", scenario.name)?;
            }
        }
        Ok(())
    })?;
    let mut verdict = Ok(Verdict::Held);
    for failure in results.into_iter().filter_map(Result::err) {
        if format == Format::Human {
            failure.print();
        }
        verdict = Err(Failure::Reported);
    }
    verdict
}

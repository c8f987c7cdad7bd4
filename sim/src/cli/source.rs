//! From a name or a path to a scenario.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use mapi_sync_sim::Check;
use mapi_sync_sim::world::Scenario;

use super::failure::Failure;

/// The check that `name` stands for: a built-in scenario, a mutant, a correct variant, or a file.
pub(super) fn check(name: &str) -> Result<Check, Failure> {
    match Check::named(name) {
        Ok(check) => Ok(check),
        Err(_) if name == "-" || looks_like_a_path(name) || Path::new(name).exists() => {
            Ok(Check::simulated(read(name)?))
        }
        Err(unknown) => Err(Failure::UnknownScenario(unknown)),
    }
}

/// Reads a scenario file; `-` is the standard input.
pub(super) fn read(path: &str) -> Result<Scenario, Failure> {
    let (origin, source) = if path == "-" {
        let mut source = String::new();
        ("standard input", io::stdin().read_to_string(&mut source).map(|_| source))
    } else {
        (path, fs::read_to_string(path))
    };
    let source = source.map_err(|error| Failure::Unreadable { path: origin.to_owned(), error })?;
    Ok(Scenario::parse(origin, &source)?)
}

fn looks_like_a_path(name: &str) -> bool {
    name.contains(['/', '\\']) || name.ends_with(".toml")
}

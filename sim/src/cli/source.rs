//! From a name or a path to a scenario.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use mapi_sync_sim::world::Scenario;
use mapi_sync_sim::{Check, ReplayError};

use super::failure::Failure;

/// The check that `name` stands for: a built-in scenario, a mutant, a correct variant, or a file.
pub(super) fn check(name: &OsStr) -> Result<Check, Failure> {
    // Only a path can be in another encoding.
    match name.to_str().map(Check::named) {
        Some(Ok(check)) => Ok(check),
        Some(Err(unknown)) if !looks_like_a_path(&unknown.name) => {
            Err(Failure::UnknownScenario(unknown))
        }
        _ => Ok(Check::simulated(read(Path::new(name))?)),
    }
}

/// The check that a token is of, which may need its scenario.
pub(super) fn of_token(token: &str, scenario: Option<&OsStr>) -> Result<Check, Failure> {
    match (scenario, Check::of_token(token)) {
        (Some(scenario), Ok(_) | Err(ReplayError::NotGiven(_) | ReplayError::Changed(_))) => {
            check(scenario)
        }
        (_, by_itself) => Ok(by_itself?),
    }
}

/// Reads a scenario file; `-` is the standard input.
pub(super) fn read(path: &Path) -> Result<Scenario, Failure> {
    let (origin, source) = if path == Path::new("-") {
        ("standard input".to_owned(), read_bounded(io::stdin().lock()))
    } else {
        (path.display().to_string(), File::open(path).and_then(read_bounded))
    };
    let source = source.map_err(|error| Failure::Unreadable { path: origin.clone(), error })?;
    Ok(Scenario::parse(&origin, &source)?)
}

/// Reads no more than a scenario, or a mapping, may have.
pub(super) fn read_bounded(input: impl Read) -> io::Result<String> {
    let most = Scenario::MAX_BYTES;
    let mut bytes = Vec::new();
    input.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        let message = format!("it is larger than {most} bytes, the most that is read of it");
        return Err(io::Error::new(ErrorKind::FileTooLarge, message));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8"))
}

fn looks_like_a_path(name: &str) -> bool {
    name == "-" || name.contains(['/', '\\']) || name.ends_with(".toml") || Path::new(name).exists()
}

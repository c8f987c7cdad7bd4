//! From a name or a path to a scenario.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use mapi_sync_sim::Check;
use mapi_sync_sim::world::{MUTANTS, Scenario, VARIANTS, builtins};

use super::failure::Failure;

/// The check of what `name` stands for: a built-in scenario, a mutant, a correct variant, or
/// a file.
pub(super) fn check(name: &str) -> Result<Check, Failure> {
    if let Some(check) = built_in(name) {
        return Ok(check);
    }
    if name != "-" && !looks_like_a_path(name) && !Path::new(name).exists() {
        return Err(Failure::UnknownScenario { name: name.to_owned(), hint: nearest(name) });
    }
    Ok(Check::scenario(read(name)?))
}

fn built_in(name: &str) -> Option<Check> {
    let mutant = || MUTANTS.iter().find(|info| info.name == name).map(Check::mutant);
    let variant = || VARIANTS.iter().find(|info| info.name == name).map(Check::variant);
    Check::builtin(name).or_else(mutant).or_else(variant)
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

/// The name that was most likely meant.
fn nearest(name: &str) -> Option<&'static str> {
    let scenarios = builtins().iter().map(|scenario| scenario.name.as_str());
    let mutants = MUTANTS.iter().map(|info| info.name);
    let variants = VARIANTS.iter().map(|info| info.name);
    let near = |known: &&'static str| {
        // One misses a part of a long name sooner than a letter of it.
        known.starts_with(name) || name.starts_with(*known) || differ_by_one(name, known)
    };
    scenarios.chain(mutants).chain(variants).find(near)
}

/// Whether one letter too many, too few, or another one makes the difference.
fn differ_by_one(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let longer = a.len().max(b.len());
    a.len().abs_diff(b.len()) <= 1 && start + end + 1 >= longer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_understood() {
        for slip in ["defalt", "defaultt", "dafault", "flaky"] {
            assert!(nearest(slip).is_some(), "{slip}");
        }
        assert_eq!(nearest("defalt"), Some("default"));
        assert_eq!(nearest("zebra"), None);
    }
}

//! The programs and the crates' own tests have the results of the page.

use std::fs;

use crates::table::{HELD, NOT_HELD, PROGRAMS, SKIPPED};
use crates::{folder, markdown, own_tests, programs, users_of_tokio};

#[test]
fn programs_have_the_results_of_the_table() {
    let lines = programs().unwrap();
    let found: Vec<_> = lines
        .iter()
        .map(|line| (line.program.as_str(), line.mode.as_str(), line.verdict.as_str()))
        .collect();
    assert_eq!(found, PROGRAMS, "\n{}", markdown(&lines));
}

#[test]
fn own_tests_hold_but_for_those_named() {
    let results = own_tests().unwrap();
    let not_held: Vec<_> =
        results.iter().filter(|(_, holds)| !**holds).map(|(name, _)| name.as_str()).collect();
    let named: Vec<_> = NOT_HELD.iter().map(|(name, _)| *name).collect();
    assert_eq!(not_held, named);
    assert_eq!(results.len() - not_held.len(), HELD);
}

#[test]
fn only_the_stand_in_uses_tokio() {
    assert_eq!(users_of_tokio().unwrap(), ["mapi-sync-tokio"]);
}

#[test]
fn versions_are_those_of_the_sources() {
    let sources = fs::read_to_string(folder().join("sources/Cargo.lock")).unwrap();
    let programs = fs::read_to_string(folder().join("programs/Cargo.lock")).unwrap();
    let page = fs::read_to_string(folder().join("../docs/real-crates.md")).unwrap();
    for (program, _, _) in PROGRAMS {
        let name = program.split(' ').next().unwrap().replace('_', "-");
        let start = format!("name = \"{name}\"\nversion = \"");
        let version = |lock: &str| {
            let (_, rest) = lock.split_once(&start)?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        let version_of_source = version(&sources).unwrap();
        assert_eq!(version(&programs).as_ref(), Some(&version_of_source), "{name}");
        assert!(
            page.contains(&format!("{name} {version_of_source}")),
            "{name} {version_of_source}"
        );
    }
}

#[test]
fn page_has_each_result() {
    let page = fs::read_to_string(folder().join("../docs/real-crates.md")).unwrap();
    for (program, mode, verdict) in PROGRAMS {
        let (krate, program) = program.split_once(' ').unwrap();
        let row = format!("| {} | {program} | {mode} | ", krate.replace('_', "-"));
        let line = page.lines().find(|line| line.starts_with(&row));
        let line = line.unwrap_or_else(|| panic!("{row}"));
        assert!(line.contains(&format!(" | {verdict} | ")), "{line}");
    }
    for (test, why) in NOT_HELD.iter().chain(SKIPPED) {
        assert!(page.contains(&format!("| `{test}` | {why} |")), "{test}: {why}");
    }
    assert!(page.contains(&format!("{HELD} of the crates' own tests hold")));
}

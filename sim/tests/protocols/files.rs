//! Each file of this folder does what its place says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mapi_sync::contract::Rule;
use mapi_sync_sim::strategy::StrategyInfo;
use mapi_sync_sim::world::{MUTANTS, Mutant, Scenario};
use mapi_sync_sim::{Check, Defect, Report};

/// The files of a folder, by name, with their texts.
pub(crate) fn files(folder: &str) -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protocols").join(folder);
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let file = |path: std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    entries.map(file).collect()
}

pub(crate) fn read(name: &str, text: &str) -> Scenario {
    let scenario = Scenario::parse(name, text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(scenario.name, name, "the file and the scenario have one name");
    scenario
}

fn checked(scenario: Scenario) -> Report {
    Check::simulated(scenario).schedules(2_000).shrink(false).jobs(1).run()
}

fn exhausted(scenario: Scenario) -> Report {
    let check = Check::simulated(scenario).strategy("exhaustive").unwrap();
    check.schedules(20_000).shrink(false).jobs(1).run()
}

/// The rule that a check found broken first.
fn first_rule(report: &Report) -> Option<Rule> {
    let breaches = &report.counterexamples.first()?.execution.breaches;
    breaches.iter().find_map(|breach| match breach.defect {
        Defect::Rule(rule) => Some(rule),
        _ => None,
    })
}

#[test]
fn every_mutant_of_the_provider_is_a_file_that_breaks_the_same_rule() {
    let files = files("mutants");
    let of_provider = MUTANTS.iter().filter(|info| info.is_of_provider());
    let missing: Vec<&str> =
        of_provider.map(|info| info.name).filter(|name| !files.contains_key(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let mut wrong = Vec::new();
    for (name, text) in files {
        let rule = Mutant::named(&name).unwrap_or_else(|| panic!("no mutant {name}")).info().rule;
        let found = first_rule(&checked(read(&name, &text)));
        if found != Some(rule) {
            wrong.push(format!("{name}: {rule}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn correct_protocols_hold() {
    let mut proved = 0;
    for (name, text) in files("correct") {
        let report = checked(read(&name, &text));
        assert!(report.holds(), "{name}: {:?}", first_rule(&report));
        let report = exhausted(read(&name, &text));
        assert!(report.holds(), "{name}: {:?}", first_rule(&report));
        proved += usize::from(report.complete);
    }
    assert!(proved >= 15, "{proved} were small enough for a proof");
}

#[test]
fn known_ordering_bugs_are_found_mended_and_proved() {
    let files = files("bugs");
    let mut bugs = 0;
    for (name, text) in &files {
        assert!(text.lines().count() <= 30, "{name} is longer than 30 lines");
        let report = exhausted(read(name, text));
        assert!(report.complete, "{name}: {} classes are not all", report.schedules);
        let Some(about) = text.strip_prefix("# Breaks ") else {
            assert!(
                name.ends_with("-mended") && report.holds(),
                "{name}: {:?}",
                first_rule(&report)
            );
            continue;
        };
        let rule = about.split(':').next().unwrap();
        assert_eq!(first_rule(&report).map(Rule::id), Some(rule), "{name}");
        assert!(files.contains_key(&format!("{name}-mended")), "{name} is not mended");
        bugs += 1;
    }
    assert!(bugs >= 10, "{bugs}");
}

#[test]
fn every_file_is_written_back_as_it_is_read() {
    for folder in ["mutants", "correct", "bugs"] {
        for (name, text) in files(folder) {
            let scenario = read(&name, &text);
            let written = Scenario::parse("written", &scenario.to_toml()).unwrap();
            assert_eq!(written, scenario, "{name}");
            assert_eq!(written.digest(), scenario.digest(), "{name}");
        }
    }
}

#[test]
fn every_strategy_runs_a_protocol() {
    let text = &files("mutants")["counts-before-report"];
    for strategy in mapi_sync_sim::strategy::STRATEGIES {
        let strategy: &'static StrategyInfo = strategy;
        let check = Check::simulated(read("counts-before-report", text)).with_strategy(strategy);
        let report = check.schedules(3_000).shrink(false).jobs(1).run();
        // One that drops tasks finds first that nobody sends Done then.
        assert!(report.is_broken(), "{}", strategy.name);
    }
}

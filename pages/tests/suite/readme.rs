//! The read-me is true in its numbers.

use mapi_sync::contract::Rule;
use mapi_sync_sim::strategy::STRATEGIES;
use mapi_sync_sim::world::{MUTANTS, VARIANTS, builtins};

const READ_ME: &str = include_str!("../../../README.md");

/// The text without line breaks.
fn read_me() -> String {
    READ_ME.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_numbers_are_those_of_the_code() {
    let text = read_me();
    for (count, what) in [
        (Rule::ALL.len(), "rules of the contract"),
        (MUTANTS.len(), "mutants"),
        (VARIANTS.len(), "correct variants"),
        (STRATEGIES.len(), "strategies"),
        (builtins().len(), "scenarios"),
    ] {
        let said = format!("{count} {what}");
        assert!(text.contains(&said), "the read-me does not say \"{said}\"");
    }
}

#[test]
fn every_strategy_is_named() {
    let text = read_me();
    for info in STRATEGIES {
        assert!(text.contains(&format!("`{}`", info.name)), "{} is not named", info.name);
    }
}

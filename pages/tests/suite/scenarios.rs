//! The reference page of scenario files is true.

use mapi_sync::SyncFlags;
use mapi_sync_sim::world::{Scenario, builtins};

const PAGE: &str = include_str!("../../../docs/scenarios.md");
const SMALLEST: &str = "version = 1\nname = \"x\"\n[[account]]\nname = \"a\"\n";

#[test]
fn every_example_of_the_reference_page_reads() {
    let mut examples = 0;
    for block in PAGE.split("```toml\n").skip(1) {
        let example = block.split("```").next().unwrap();
        let whole = if example.contains("version = ") {
            example.to_owned()
        } else if example.starts_with("[[account]]") {
            format!("version = 1\nname = \"x\"\n{example}")
        } else {
            format!("{SMALLEST}{example}")
        };
        Scenario::parse("docs/scenarios.md", &whole).unwrap_or_else(|error| panic!("{error}"));
        examples += 1;
    }
    assert!(examples >= 6, "only {examples} examples found");
}

#[test]
fn the_reference_page_names_every_key_and_every_scenario() {
    let mut scenario = builtins()[0].clone();
    scenario.mutant = Some("done-twice".into());
    let text = scenario.to_toml();
    let keys = text
        .lines()
        .filter_map(|line| line.split(" =").next())
        .filter(|key| !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
    for key in keys {
        assert!(PAGE.contains(&format!("`{key}`")), "the page says nothing on `{key}`");
    }
    for (flag, _) in SyncFlags::names() {
        assert!(PAGE.contains(flag), "the page says nothing on {flag}");
    }
    for scenario in builtins() {
        assert!(PAGE.contains(&format!("`{}`", scenario.name)), "{} is not listed", scenario.name);
    }
}

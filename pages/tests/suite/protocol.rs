//! The reference page of protocols is true.

use mapi_sync_sim::Check;
use mapi_sync_sim::world::Scenario;

const PAGE: &str = include_str!("../../../docs/protocol.md");
const HEAD: &str =
    "version = 2\nname = \"x\"\n[[account]]\nname = \"a\"\nfolders = 2\nmessages = 1\n";

/// The examples of the page, as whole files.
fn examples() -> Vec<String> {
    let blocks = PAGE.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let whole = |block: &str| {
        if block.contains("version = ") { block.to_owned() } else { format!("{HEAD}{block}") }
    };
    blocks.map(whole).collect()
}

#[test]
fn every_example_of_the_protocol_page_holds() {
    let examples = examples();
    assert!(examples.len() >= 7, "only {} examples found", examples.len());
    for example in examples {
        let scenario = Scenario::parse("docs/protocol.md", &example);
        let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
        let report = Check::simulated(scenario).schedules(2_000).run();
        assert!(report.holds(), "{example}\n{report}");
    }
}

/// Each step and each key is in a table and, but for those that do what must not be done, in an
/// example.
#[test]
fn the_protocol_page_shows_every_construct() {
    let examples = examples().concat();
    let tables: String = PAGE.lines().filter(|line| line.starts_with('|')).collect();
    for word in ["create", "unpublish", "close", "add_ref", "release", "cancel", "yield"] {
        assert!(tables.contains(&format!("`\"{word}\"`")), "no table has {word}");
    }
    for key in [
        "work",
        "deadline",
        "request",
        "progress",
        "error",
        "done",
        "publish",
        "signal",
        "spawn",
        "join",
        "abort",
        "send",
        "receive",
        "finish",
        "lock",
        "if",
        "choose",
        "race",
        "repeat",
        "while",
        "wait",
        "set",
        "add",
        "keep",
        "return",
        "sometimes",
    ] {
        assert!(tables.contains(&format!("`{{ {key} = ")), "no table has {key}");
        assert!(examples.contains(&format!("{{ {key} = ")), "no example has {key}");
    }
    for option in [
        "retry", "failed", "of", "text", "handle", "times", "lost", "value", "as", "closed",
        "steps", "then", "else", "to", "by",
    ] {
        assert!(tables.contains(&format!("{option} = ")), "no table has {option}");
    }
}

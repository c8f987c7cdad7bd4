//! The contract's page, `docs/contract.md`, is made from the rules' files.
//!
//! `BLESS=1 cargo test -p mapi-sync --test contract_page` writes it anew.

// Reads the sources where they were built; under Wine they lie elsewhere.
#![cfg(not(windows))]

use std::fmt::Write;

use mapi_sync::contract::{Level, Rule, Step};

#[test]
fn page_is_what_the_rules_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/contract.md");
    let page = page();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &page).expect("the page can be written");
    }
    let found = std::fs::read_to_string(path).expect("the page can be read");
    assert!(found == page, "docs/contract.md is not up to date: run this test with BLESS=1");
}

fn page() -> String {
    let mut page = String::from(HEAD);
    for (level, title) in [
        (Level::Must, "Must: documented, or COM's own rule"),
        (Level::Should, "Should: a convention of the interface's family"),
        (Level::Policy, "Policy: the documentation is silent, and this is a choice"),
    ] {
        let _ = write!(page, "\n## {title}\n");
        for rule in Rule::ALL.iter().filter(|rule| rule.level() == level) {
            let _ = write!(
                page,
                "\n### {rule}\n\n{}.\n\n- Who breaks it: the {}.\n- Source: {}.\n\nWrong:\n\n\
                 ```text\n{}```\n\nRight:\n\n```text\n{}```\n",
                capitalized(rule.statement()),
                rule.blame(),
                rule.source(),
                lines(rule.wrong()),
                lines(rule.right()),
            );
        }
    }
    page
}

const HEAD: &str = "\
# The contract

The rules for the calls between a store provider and its host, each with a trace that breaks it and
one that comes near and does not. This page is made from the files in `src/contract/rules`, where
each rule is one file. The traces are data of the rule, and tests play them.

\"SynchronizeInBackground prepares everything\" stands for: the provider queries the callback,
creates an event as 0x4, keeps a duplicate of it as 0x8, and puts 0x4 into the out-pointer. Each
callback returns S_OK at once unless the trace says otherwise.
";

fn lines(trace: &[Step]) -> String {
    trace.iter().fold(String::new(), |mut text, step| {
        let _ = writeln!(text, "{step}");
        text
    })
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

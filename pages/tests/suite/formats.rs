//! The page of the formats shows what is printed, and the schema of JSON is up to date.
//!
//! `BLESS=1 cargo test -p mapi-sync-pages --test suite schema` writes the schema anew.

use mapi_sync_sim::Check;
use mapi_sync_sim::report::{Document, Format, Palette, json_schema};

const PAGE: &str = include_str!("../../../docs/formats.md");

#[test]
fn schema_is_that_of_the_code() {
    let schema = json_schema();
    if std::env::var_os("BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/report.schema.json");
        std::fs::write(path, schema).expect("the file can be written");
        return;
    }
    let found = include_str!("../../../docs/report.schema.json");
    assert!(found == schema, "docs/report.schema.json is stale: run this test with BLESS=1");
}

/// The first block of the section with this heading.
fn block(heading: &str) -> &'static str {
    let (_, section) = PAGE.split_once(&format!("\n## {heading}\n")).expect("a section");
    let block = section.split("```").nth(1).expect("a block");
    block.split_once('\n').expect("lines").1
}

#[test]
fn page_shows_what_is_printed() {
    let check = Check::named("done-twice").expect("a mutant");
    let report = check.schedules(100).fail_fast(true).run();
    for (heading, format) in [
        ("human", Format::Human),
        ("json", Format::Json),
        ("junit", Format::Junit),
        ("sarif", Format::Sarif),
        ("github", Format::Github),
        ("markdown", Format::Markdown),
        ("calls", Format::Calls),
    ] {
        let mut printed = Vec::new();
        let written = format.write(&mut printed, Document::Check(&report), &Palette::PLAIN);
        written.expect("a vector takes every byte");
        let printed = String::from_utf8(printed).expect("it is text");
        // A page may leave lines out, and the end of a line.
        let mut lines = printed.lines();
        for line in block(heading).lines() {
            let (begin, is_cut) = match line.split_once('…') {
                Some((begin, _)) => (begin, true),
                None => (line, false),
            };
            let begin = begin.trim_start();
            let found = lines.any(|printed| {
                let printed = printed.trim_start();
                printed == begin || is_cut && printed.starts_with(begin)
            });
            assert!(found, "the page shows {line:?} of {heading}, where is printed:\n{printed}");
        }
    }
}

#[test]
fn page_names_every_format() {
    use mapi_sync_sim::report::Format::{
        Calls, Github, Human, Json, Junit, Markdown, Perfetto, Sarif,
    };
    for format in [Human, Json, Junit, Sarif, Github, Markdown, Perfetto, Calls] {
        let name = format!("{format:?}").to_lowercase();
        assert!(PAGE.contains(&format!("| `{name}` |")), "{name}");
        assert!(PAGE.contains(&format!("\n## {name}\n")), "{name}");
    }
}

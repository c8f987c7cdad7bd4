//! The format for programs: one JSON object. Each struct is one object, each field one key.
//!
//! Keys are added over time and never change their meaning.

mod check;
#[cfg(feature = "cli")]
mod missed;
mod mutants;
#[cfg(any(feature = "cli", windows, feature = "com-vtable-testing"))]
mod observed;
mod rules;
mod scenarios;
#[cfg(feature = "cli")]
mod schema;
mod timeline;

use std::io::{self, Write};

use serde::Serialize;

#[cfg(feature = "cli")]
pub use self::schema::json_schema;
use super::Document;

/// Writes a document as JSON, with a line feed after it.
pub(super) fn write(out: &mut dyn Write, document: Document<'_>) -> io::Result<()> {
    match document {
        Document::Check(report) => object(out, &check::Check::from(report)),
        Document::Replay(replayed) => object(out, &check::Replay::from(replayed)),
        Document::Mutants(report) => object(out, &mutants::Mutants::from(report)),
        Document::Rules(table) => object(out, &rules::Rules::new(table)),
        Document::Rule(rule) => object(out, &rules::Rules::new(&[rule])),
        // The traces are for people: `check` and `replay` have them for programs.
        Document::Lesson(lesson) => object(out, &rules::Rules::new(&[lesson.rule])),
        Document::Scenarios(list) => object(out, &scenarios::Scenarios::new(list)),
        // With every default filled in, by the keys of its file.
        Document::Scenario(scenario) => object(out, scenario),
        Document::ScenarioFiles(files) => object(out, &scenarios::ScenarioFiles::new(files)),
        #[cfg(feature = "cli")]
        Document::Missed(report) => object(out, &missed::Missed::from(report)),
        #[cfg(feature = "cli")]
        Document::Trace(report) => object(out, &observed::Trace::from(report)),
        #[cfg(any(windows, feature = "com-vtable-testing"))]
        Document::Foreign { provider, export, report } => {
            object(out, &observed::Foreign::new(provider, export, report))
        }
    }
}

fn object(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    writeln!(out)
}

//! The results that can be shown.

use std::fmt;
use std::io::{self, Write};
use std::str;

use mapi_sync::contract::Rule;
#[cfg(feature = "cli")]
use mapi_sync::record::TraceReport;

#[cfg(any(windows, feature = "com-vtable-testing"))]
use super::human;
use super::{Format, Palette};
use crate::check::{Lesson, MutantsReport, Replayed, Report};
#[cfg(any(windows, feature = "com-vtable-testing"))]
use crate::foreign::ForeignReport;
#[cfg(feature = "cli")]
use crate::missed::MissedReport;
use crate::world::{Scenario, ScenarioError};

/// A result of the command or of the library, as something to show in any [`Format`].
///
/// `Display` shows it for people, without colours.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Document<'a> {
    /// The result of a check.
    Check(&'a Report),
    /// A schedule that was run again.
    Replay(&'a Replayed),
    /// The result of a check of all mutants and correct variants.
    Mutants(&'a MutantsReport),
    /// A table of rules.
    Rules(&'a [Rule]),
    /// One rule in detail.
    Rule(Rule),
    /// One rule by example.
    Lesson(&'a Lesson),
    /// A list of scenarios.
    Scenarios(&'a [Scenario]),
    /// One scenario with every default filled in.
    Scenario(&'a Scenario),
    /// The scenario files that were read.
    ScenarioFiles(&'a [ScenarioFile<'a>]),
    /// The breaks that an author's own tests miss.
    #[cfg(feature = "cli")]
    Missed(&'a MissedReport),
    /// The check of a recording.
    #[cfg(feature = "cli")]
    Trace(&'a TraceReport),
    /// The check of a provider behind COM.
    #[cfg(any(windows, feature = "com-vtable-testing"))]
    Foreign {
        /// The path of the provider's DLL.
        provider: &'a str,
        /// The name of the export that gave the store.
        export: &'a str,
        /// What the check found.
        report: &'a ForeignReport,
    },
}

#[cfg(feature = "cli")]
impl Document<'_> {
    /// What it is, with an article.
    pub(super) fn in_words(&self) -> &'static str {
        match self {
            Self::Check(_) => "a check",
            Self::Replay(_) => "a replay",
            Self::Mutants(_) => "a check of the mutants",
            Self::Rules(_) | Self::Rule(_) | Self::Lesson(_) => "rules",
            Self::Scenarios(_) | Self::Scenario(_) | Self::ScenarioFiles(_) => "scenarios",
            Self::Missed(_) => "breaks that tests miss",
            Self::Trace(_) => "a recording",
            #[cfg(any(windows, feature = "com-vtable-testing"))]
            Self::Foreign { .. } => "a provider behind COM",
        }
    }
}

/// A file that was read as a scenario.
#[derive(Clone, Debug)]
pub struct ScenarioFile<'a> {
    /// The path, as it was given.
    pub path: &'a str,
    /// Its scenario, or why it has none.
    pub read: Result<&'a Scenario, FileMistake<'a>>,
}

/// Why a file has no scenario.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FileMistake<'a> {
    /// Its text is not a valid scenario.
    Invalid(&'a ScenarioError),
    /// The file could not be read, for this reason.
    Unreadable(String),
}

impl fmt::Display for Document<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Format::Human.write(&mut Text(f), *self, &Palette::PLAIN).map_err(|_| fmt::Error)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Document::Check(self).fmt(f)
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Document::Replay(self).fmt(f)
    }
}

impl fmt::Display for MutantsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Document::Mutants(self).fmt(f)
    }
}

#[cfg(feature = "cli")]
impl fmt::Display for MissedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Document::Missed(self).fmt(f)
    }
}

#[cfg(any(windows, feature = "com-vtable-testing"))]
impl fmt::Display for ForeignReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        human::write_foreign(&mut Text(f), self).map_err(|_| fmt::Error)
    }
}

/// A formatter that takes bytes. Every write must be UTF-8 on its own, as those of `write!` are.
struct Text<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl Write for Text<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_str(text).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

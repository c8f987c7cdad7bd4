//! The JSON of the breaks that an author's tests miss.

use serde::Serialize;

use crate::missed::{self, MissedReport};

/// The result of `mapi-sync missed`.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub(super) struct Missed<'a> {
    /// How many breaks were tried: found, missed or timed out.
    tried: usize,
    found: usize,
    missed: Vec<Break<'a>>,
    timed_out: Vec<Break<'a>>,
    /// How many did not compile.
    unbuildable: usize,
    /// How many were not tried.
    untried: usize,
    /// Whether the tests fail without any break.
    fails_unbroken: bool,
    /// Whether at least one break was tried, and each was found or missed.
    complete: bool,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "cli", schemars(rename = "MissedBreak"))]
struct Break<'a> {
    file: &'a str,
    line: u32,
    column: u32,
    /// What was changed, in words.
    what: &'a str,
}

impl<'a> From<&'a MissedReport> for Missed<'a> {
    fn from(report: &'a MissedReport) -> Self {
        let breaks = |breaks: &'a [missed::Break]| breaks.iter().map(Break::from).collect();
        Self {
            tried: report.tried(),
            found: report.found,
            missed: breaks(&report.missed),
            timed_out: breaks(&report.timed_out),
            unbuildable: report.unbuildable,
            untried: report.untried,
            fails_unbroken: report.fails_unbroken,
            complete: report.is_complete(),
        }
    }
}

impl<'a> From<&'a missed::Break> for Break<'a> {
    fn from(of: &'a missed::Break) -> Self {
        Self { file: &of.file, line: of.line, column: of.column, what: &of.what }
    }
}

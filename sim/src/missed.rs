//! What the author's own tests do not see: the breaks of `cargo mutants` that no test found.
//!
//! `cargo mutants` changes a provider in one place after another, and runs its tests each time. It
//! writes what came of it to a file, which is read here.

use serde::Deserialize;

/// What came of all breaks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissedReport {
    /// How many breaks a test found.
    pub found: usize,
    /// The breaks with which all tests passed.
    pub missed: Vec<Break>,
    /// The breaks whose tests took too long: nobody knows whether they would have found them.
    pub timed_out: Vec<Break>,
    /// The breaks that do not compile, so that nobody could make them by mistake.
    pub unbuildable: usize,
    /// The breaks that were not tried, as far as their number is known.
    pub untried: usize,
    /// Whether the tests fail without any break, or do not compile. Then no break was tried.
    pub fails_unbroken: bool,
}

/// A change in a provider's source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Break {
    /// The file, from the root of its workspace.
    pub file: String,
    /// The first line of what was changed, from 1.
    pub line: u32,
    /// The column in it, from 1.
    pub column: u32,
    /// What was changed, in words.
    pub what: String,
}

impl MissedReport {
    /// Reads the file `outcomes.json` of `cargo mutants`.
    ///
    /// # Errors
    ///
    /// If the text is no such file.
    pub fn read(text: &str) -> serde_json::Result<Self> {
        let run: Run = serde_json::from_str(text)?;
        let mut report = Self::default();
        for Outcome { scenario, summary } in run.outcomes {
            let change = match scenario {
                Scenario::Mutant(change) => change,
                Scenario::Baseline => {
                    report.fails_unbroken |= summary != Summary::Success;
                    continue;
                }
            };
            match summary {
                Summary::CaughtMutant => report.found += 1,
                Summary::MissedMutant => report.missed.push(change.into_break()),
                Summary::Timeout => report.timed_out.push(change.into_break()),
                Summary::Unviable => report.unbuildable += 1,
                // That is what it says of a break with which nothing was run.
                Summary::Success | Summary::Failure => report.untried += 1,
            }
        }
        report.missed.sort();
        report.timed_out.sort();
        let seen = report.tried() + report.unbuildable + report.untried;
        report.untried += run.total_mutants.saturating_sub(seen);
        Ok(report)
    }

    /// How many breaks could have been found: all that were tried and compile.
    #[must_use]
    pub fn tried(&self) -> usize {
        self.found + self.missed.len() + self.timed_out.len()
    }

    /// Whether there was at least one break, and each was found or missed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.fails_unbroken && self.untried == 0 && self.timed_out.is_empty() && self.tried() > 0
    }
}

/// The file, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Run {
    outcomes: Vec<Outcome>,
    #[serde(default)]
    total_mutants: usize,
}

#[derive(Debug, Deserialize)]
struct Outcome {
    scenario: Scenario,
    summary: Summary,
}

#[derive(Debug, Deserialize)]
enum Scenario {
    Baseline,
    Mutant(Change),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Summary {
    Success,
    CaughtMutant,
    MissedMutant,
    Unviable,
    Failure,
    Timeout,
}

#[derive(Debug, Deserialize)]
struct Change {
    /// The place, and what is replaced by what.
    name: String,
    file: String,
    function: Option<Function>,
    span: Span,
    replacement: String,
    genre: String,
}

#[derive(Debug, Deserialize)]
struct Function {
    function_name: String,
}

#[derive(Debug, Deserialize)]
struct Span {
    start: Position,
}

#[derive(Debug, Deserialize)]
struct Position {
    line: u32,
    column: u32,
}

impl Change {
    fn into_break(self) -> Break {
        let Position { line, column } = self.span.start;
        Break { line, column, what: self.in_words(), file: self.file }
    }

    /// What was changed, in words. Where this program does not know the sort of change, as
    /// `cargo mutants` says it.
    fn in_words(&self) -> String {
        let place = format!("{}:{}:{}: ", self.file, self.span.start.line, self.span.start.column);
        let name = self.name.strip_prefix(&place).unwrap_or(&self.name);
        let function = self.function.as_ref().map(|function| function.function_name.as_str());
        let within = function.map(|function| format!(" in {function}")).unwrap_or_default();
        let inner = name.strip_suffix(&within).unwrap_or(name);
        let place = function.map(|function| format!(" in `{function}`")).unwrap_or_default();
        let replaced = || inner.strip_prefix("replace ")?.rsplit_once(" with ");
        let words = match self.genre.as_str() {
            "FnValue" => function.map(|function| match self.replacement.as_str() {
                "" | "()" => format!("`{function}` does nothing"),
                value => format!("`{function}` does nothing and returns `{value}`"),
            }),
            "BinaryOperator" => {
                replaced().map(|(old, new)| format!("`{old}` is replaced by `{new}`{place}"))
            }
            "UnaryOperator" => {
                inner.strip_prefix("delete ").map(|old| format!("`{old}` is left out{place}"))
            }
            "MatchArm" => inner
                .strip_prefix("delete match arm ")
                .map(|arm| format!("the match arm `{arm}` is left out{place}")),
            "MatchArmGuard" => replaced().map(|(old, new)| {
                let guard = old.strip_prefix("match guard ").unwrap_or(old);
                format!("the guard `{guard}` is always `{new}`{place}")
            }),
            _ => None,
        };
        words.unwrap_or_else(|| name.to_owned())
    }
}

//! The JSON of what was observed outside a simulation: recordings, and providers behind COM.

#[cfg(feature = "cli")]
use mapi_sync::record::TraceReport;
use serde::Serialize;

#[cfg(any(windows, feature = "com-vtable-testing"))]
use crate::foreign::{ForeignReport, ForeignViolation, Habit, HostAction};

/// The result of `mapi-sync trace check`.
#[cfg(feature = "cli")]
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub(super) struct Trace {
    syncs: u64,
    calls: u64,
    /// Records that the recorder had to drop.
    dropped: u64,
    /// Whether the last line is cut off.
    cut_off: bool,
    violations: Vec<Violation>,
    /// How many more were broken than `violations` has.
    more_violations: u64,
    /// The rules that were not applied to any sync.
    not_judged: Vec<NotJudged>,
}

/// A rule that was not applied.
#[cfg(feature = "cli")]
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
struct NotJudged {
    rule: &'static str,
    /// Why, in words.
    why: String,
}

/// The result of `mapi-sync com-check`.
#[cfg(any(windows, feature = "com-vtable-testing"))]
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub(super) struct Foreign<'a> {
    /// The path of the DLL.
    provider: &'a str,
    /// The name of its export.
    export: &'a str,
    syncs: u32,
    failed_starts: u32,
    dones: u64,
    calls: u64,
    /// Real time, in seconds.
    elapsed_s: f64,
    /// Whether no sync got as far as its Done and nothing is broken: the check shows nothing.
    vacuous: bool,
    /// Why the provider could not be used.
    unusable: Option<&'a str>,
    /// What the host did that not every host does, and how often.
    exercised: &'a [HostAction],
    /// What it would have done as well, had it had the chance.
    not_exercised: Vec<&'static str>,
    violations: Vec<Violation>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "cli", schemars(rename = "ObservedViolation"))]
struct Violation {
    /// A rule's id, of the contract or of a process.
    rule: String,
    /// `must`, `should` or `policy`.
    level: String,
    /// `provider` or `host`.
    blame: String,
    /// What happened, in a sentence.
    message: String,
    /// Always `null`: a real schedule cannot be replayed.
    token: Option<String>,
    /// The calls that show it.
    calls: Vec<String>,
}

#[cfg(feature = "cli")]
impl From<&TraceReport> for Trace {
    fn from(report: &TraceReport) -> Self {
        Self {
            syncs: report.syncs,
            calls: report.calls,
            dropped: report.dropped,
            cut_off: report.cut_off,
            violations: report.violations.iter().map(Violation::from).collect(),
            more_violations: report.more_violations,
            not_judged: report
                .not_judged
                .iter()
                .map(|not| NotJudged { rule: not.rule.id(), why: not.why.to_string() })
                .collect(),
        }
    }
}

#[cfg(feature = "cli")]
impl From<&mapi_sync::contract::Violation> for Violation {
    fn from(violation: &mapi_sync::contract::Violation) -> Self {
        let rule = violation.rule;
        Self {
            rule: rule.id().to_owned(),
            level: rule.level().to_string(),
            blame: rule.blame().to_string(),
            message: violation.message.clone(),
            token: None,
            calls: violation.calls.iter().map(ToString::to_string).collect(),
        }
    }
}

#[cfg(any(windows, feature = "com-vtable-testing"))]
impl<'a> Foreign<'a> {
    /// The report on the provider that this export of a DLL gave.
    pub(super) fn new(provider: &'a str, export: &'a str, report: &'a ForeignReport) -> Self {
        let &ForeignReport { syncs, failed_starts, dones, calls, elapsed_s, .. } = report;
        Self {
            provider,
            export,
            syncs,
            failed_starts,
            dones,
            calls,
            elapsed_s,
            vacuous: report.is_vacuous(),
            unusable: report.unusable.as_deref(),
            exercised: &report.exercised,
            not_exercised: report.not_exercised().map(Habit::id).collect(),
            violations: report.violations.iter().map(Violation::from).collect(),
        }
    }
}

#[cfg(any(windows, feature = "com-vtable-testing"))]
impl From<&ForeignViolation> for Violation {
    fn from(violation: &ForeignViolation) -> Self {
        let ForeignViolation { rule, level, blame, message, calls } = violation.clone();
        Self { rule, level, blame, message, token: None, calls }
    }
}

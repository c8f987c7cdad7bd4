//! Warnings of a check that did not exercise what it claims to check.

use std::fmt;

use super::search::SearchSummary;
use crate::world::{Coverage, Fault, Scenario};

/// A reason why a check says less than it seems to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// All executions were the same one: nothing was left to decide, or nothing was decided.
    OneSchedule,
    /// No two steps of different tasks were in conflict: the order of the steps made no difference.
    NoConflict,
    /// The scenario has this feature, and no execution exercised it. The name is that of the
    /// counter.
    NeverExercised(&'static str),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneSchedule => f.write_str("every execution was the same one"),
            Self::NoConflict => {
                f.write_str("no two steps were in conflict, so no order made a difference")
            }
            Self::NeverExercised("done") => f.write_str("no execution reached a Done"),
            Self::NeverExercised(name) => {
                write!(f, "never exercised: {}", name.replace('_', " "))
            }
        }
    }
}

/// The warnings of a check.
pub(super) fn warnings(scenario: &Scenario, summary: &SearchSummary) -> Vec<Warning> {
    let one = (!summary.several).then_some(Warning::OneSchedule);
    let never = unexercised(scenario, &summary.coverage).map(Warning::NeverExercised);
    let calm = (!summary.raced).then_some(Warning::NoConflict);
    one.into_iter().chain(calm).chain(never).collect()
}

/// The counters of features that the scenario has, and that stand at zero.
fn unexercised(scenario: &Scenario, coverage: &Coverage) -> impl Iterator<Item = &'static str> {
    let Scenario { host, faults, .. } = scenario;
    let expected = |name: &str| match name {
        "done" => true,
        "errors" => faults.network_loss > 0 || faults.offline > 0,
        "cancels" => host.cancels > 0,
        "shutdowns" => host.shutdown,
        "overlapping_starts" => host.overlap_start || host.reentrant,
        "failed_starts" => {
            faults.query_interface_refused > 0
                || faults.event_creation > 0
                || host.overlap_start
                || host.reentrant
        }
        fault => Fault::ALL.iter().any(|f| f.name() == fault && f.budget(faults) > 0),
    };
    coverage
        .counters()
        .filter(move |(name, count)| *count == 0 && expected(name))
        .map(|(name, _)| name)
}

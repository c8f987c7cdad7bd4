//! The JSON of the table of mutants.

use serde::Serialize;

use crate::check::{Defect, MutantVerdict, MutantsReport, VariantVerdict};

/// The result of `mapi-sync mutants`.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub(super) struct Mutants {
    mutants: Vec<Mutant>,
    correct_variants: Vec<Variant>,
    /// Whether every mutant was found with its rule, and no correct variant was accused.
    right: bool,
    interrupted: bool,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
struct Mutant {
    name: &'static str,
    /// The rule that it breaks.
    rule: &'static str,
    /// The rule that was found broken: its own if possible, else another, else `null`.
    found_rule: Option<&'static str>,
    /// Whether its own rule was found broken.
    found: bool,
    /// How many executions it took; all of them, if it was not found.
    schedules: u64,
    token: Option<String>,
    /// The context switches of the execution that the token replays.
    context_switches: Option<u64>,
    /// The smallest number possible; `null` if it needs no order of steps.
    least_context_switches: Option<u32>,
    /// The conditions under which it shows.
    needs: &'static str,
    summary: &'static str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
struct Variant {
    name: &'static str,
    /// Whether anything was found, which would be wrong.
    accused: bool,
    /// The defects that were found.
    accusations: Vec<Accusation>,
    schedules: u64,
    summary: &'static str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
struct Accusation {
    rule: &'static str,
    token: String,
}

impl From<&MutantsReport> for Mutants {
    fn from(report: &MutantsReport) -> Self {
        Self {
            mutants: report.mutants.iter().map(Mutant::from).collect(),
            correct_variants: report.variants.iter().map(Variant::from).collect(),
            right: report.is_right(),
            interrupted: report.interrupted,
        }
    }
}

impl From<&MutantVerdict> for Mutant {
    fn from(verdict: &MutantVerdict) -> Self {
        Self {
            name: verdict.info.name,
            rule: verdict.info.rule.id(),
            found_rule: verdict.found_rule.map(Defect::id),
            found: verdict.found,
            schedules: verdict.schedules,
            token: verdict.token.clone(),
            context_switches: verdict.switches,
            least_context_switches: verdict.info.least_switches,
            needs: verdict.info.needs.text(),
            summary: verdict.info.summary,
        }
    }
}

impl From<&VariantVerdict> for Variant {
    fn from(verdict: &VariantVerdict) -> Self {
        let accusation = |(defect, token): &(Defect, String)| Accusation {
            rule: defect.id(),
            token: token.clone(),
        };
        Self {
            name: verdict.info.name,
            accused: !verdict.accused.is_empty(),
            accusations: verdict.accused.iter().map(accusation).collect(),
            schedules: verdict.schedules,
            summary: verdict.info.summary,
        }
    }
}

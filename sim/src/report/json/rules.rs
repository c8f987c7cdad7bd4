//! The JSON of the rules.

use mapi_sync::contract::Rule;
use serde::Serialize;

use crate::report::words::unseen;
use crate::world::MUTANTS;

/// The result of `mapi-sync rules`.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub(super) struct Rules {
    rules: Vec<RuleRow>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
struct RuleRow {
    id: &'static str,
    level: String,
    blame: String,
    statement: &'static str,
    source: &'static str,
    /// What neither a schedule without it nor a recording can show of the rule, in words.
    unseen: Vec<String>,
    /// The names of the mutants that break it.
    mutants: Vec<&'static str>,
}

impl Rules {
    /// These rules.
    pub(super) fn new(rules: &[Rule]) -> Self {
        let row = |rule: &Rule| RuleRow {
            id: rule.id(),
            level: rule.level().to_string(),
            blame: rule.blame().to_string(),
            statement: rule.statement(),
            source: rule.source(),
            unseen: unseen(*rule),
            mutants: MUTANTS
                .iter()
                .filter(|info| info.rule == *rule)
                .map(|info| info.name)
                .collect(),
        };
        Self { rules: rules.iter().map(row).collect() }
    }
}

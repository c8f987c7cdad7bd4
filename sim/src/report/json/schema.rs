//! The JSON Schema of this format, made of its structs.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

use super::{check, missed, mutants, observed, rules, scenarios};

/// What `--format json` prints: one of these objects. Keys are added over time and never change
/// their meaning.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "mapi-sync")]
#[expect(dead_code, clippy::large_enum_variant, reason = "only its schema is used")]
enum Any<'a> {
    Check(check::Check),
    Replay(check::Replay),
    Mutants(mutants::Mutants),
    Missed(missed::Missed<'a>),
    Rules(rules::Rules),
    Scenarios(scenarios::Scenarios<'a>),
    ScenarioFiles(scenarios::ScenarioFiles<'a>),
    Trace(observed::Trace),
}

/// The JSON Schema (draft 2020-12) of what [`Format::Json`](super::super::Format::Json) writes, but
/// for scenarios, which are written by the keys of their files.
///
/// # Examples
///
/// ```
/// let schema = mapi_sync_sim::report::json_schema();
/// assert!(schema.contains("\"$defs\""));
/// ```
#[must_use]
pub fn json_schema() -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let schema = generator.into_root_schema_for::<Any<'_>>();
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    text.push('\n');
    text
}

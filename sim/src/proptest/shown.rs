//! What a case uses, in words.

use std::collections::BTreeMap;

use toml::Value;

use crate::world::Scenario;

/// The values of a scenario that are others than those of `plainest`, with their paths, as a
/// scenario file has them; and the number of accounts, if there are several.
pub(super) fn differing(scenario: &Scenario, plainest: &Scenario) -> Vec<(String, String)> {
    let several = (scenario.accounts.len() > 1)
        .then(|| ("accounts".to_owned(), scenario.accounts.len().to_string()));
    let plain = values(plainest);
    let differs = |(path, value): &(String, String)| plain.get(path) != Some(value);
    several.into_iter().chain(values(scenario).into_iter().filter(differs)).collect()
}

/// The values of a scenario by path.
fn values(scenario: &Scenario) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    if let Ok(value) = Value::try_from(scenario) {
        add(&value, String::new(), &mut values);
    }
    values
}

fn add(value: &Value, path: String, values: &mut BTreeMap<String, String>) {
    match value {
        Value::Table(table) => {
            let dot = if path.is_empty() { "" } else { "." };
            for (key, value) in table {
                add(value, format!("{path}{dot}{key}"), values);
            }
        }
        Value::Array(array) if array.iter().any(Value::is_table) => {
            for (number, value) in array.iter().enumerate() {
                add(value, format!("{path}[{number}]"), values);
            }
        }
        value => drop(values.insert(path, value.to_string())),
    }
}

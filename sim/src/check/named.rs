//! From a name to a check.

use std::fmt;

use super::Check;
use crate::suggest::nearest;
use crate::world::{MUTANTS, VARIANTS, builtins};

/// No built-in scenario, mutant or correct variant has this name.
///
/// `Debug` prints the same sentence as `Display`: it is what a failed `unwrap` shows.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no scenario is built in under the name `{name}`{}",
    hint.map(|hint| format!("; did you mean `{hint}`?")).unwrap_or_default()
)]
#[non_exhaustive]
pub struct UnknownScenario {
    /// The name.
    pub name: String,
    /// A known name that it resembles.
    pub hint: Option<&'static str>,
}

impl fmt::Debug for UnknownScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Check {
    /// Checks a built-in scenario, a mutant or a correct variant, by name. Tokens carry the name
    /// and replay by themselves.
    ///
    /// # Errors
    ///
    /// If nothing has this name.
    pub fn named(name: &str) -> Result<Self, UnknownScenario> {
        let mutant = || MUTANTS.iter().find(|info| info.name == name).map(Self::mutant);
        let variant = || VARIANTS.iter().find(|info| info.name == name).map(Self::variant);
        Self::builtin(name)
            .or_else(mutant)
            .or_else(variant)
            .ok_or_else(|| UnknownScenario { name: name.to_owned(), hint: hint(name) })
    }
}

fn hint(name: &str) -> Option<&'static str> {
    let scenarios = builtins().iter().map(|scenario| scenario.name.as_str());
    let mutants = MUTANTS.iter().map(|info| info.name);
    let variants = VARIANTS.iter().map(|info| info.name);
    let known: Vec<&str> = scenarios.chain(mutants).chain(variants).collect();
    nearest(name, &known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_found_by_name() {
        let names = [&*builtins()[0].name, MUTANTS[0].name, VARIANTS[0].name];
        for name in names {
            assert_eq!(Check::named(name).map(|check| check.subject().name).as_deref(), Ok(name));
        }
    }

    #[test]
    fn an_unknown_name_has_a_hint() {
        let hint = |name: &str| Check::named(name).err().map(|unknown| unknown.hint);
        assert_eq!(hint("defalt"), Some(Some("default")));
        assert_eq!(hint("flaky"), Some(Some("flaky-network")));
        assert_eq!(hint("zebra"), Some(None));
    }
}

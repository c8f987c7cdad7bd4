//! All scenarios that the program knows by itself.

use super::mutant::{MUTANTS, VARIANTS};
use super::scenario::{Scenario, builtins};

/// The built-in scenarios, then the scenario of each mutant, then each correct variant.
fn known() -> impl Iterator<Item = Scenario> {
    let mutants = MUTANTS.iter().map(super::MutantInfo::scenario);
    let variants = VARIANTS.iter().map(super::VariantInfo::scenario);
    builtins().iter().cloned().chain(mutants).chain(variants)
}

/// The scenario of this name: a built-in one, that of a mutant, or that of a correct variant.
#[must_use]
pub fn scenario_named(name: &str) -> Option<Scenario> {
    known().find(|scenario| scenario.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn names_and_digests_are_unique() {
        let mut names = BTreeMap::new();
        let mut digests = BTreeMap::new();
        for scenario in known() {
            let name = scenario.name.clone();
            assert_eq!(names.insert(name.clone(), ()), None, "{name} is there twice");
            assert_eq!(digests.insert(scenario.digest(), name), None);
            assert_eq!(scenario_named(&scenario.name).as_ref(), Some(&scenario));
        }
        assert_eq!(scenario_named("no such scenario"), None);
    }
}

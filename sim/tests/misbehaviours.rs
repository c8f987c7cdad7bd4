//! Every misbehaviour is found with its rule, and nothing that is right is accused.

use mapi_sync::contract::Rule;
use mapi_sync_sim::engine::Engine;
use mapi_sync_sim::strategy::Random;
use mapi_sync_sim::world::{MUTANTS, Observed, Scenario, VARIANTS, World, builtins};

/// The first execution that breaks a rule, among this many.
fn first_violation(scenario: Scenario, schedules: u64, seed: u64) -> Option<(u64, Observed)> {
    let world = World::new(scenario);
    let mut engine = Engine::new(world.limits(), Random::new(seed));
    (0..schedules).find_map(|index| {
        let observed = world.run(&mut engine, index).expect("random schedules never run out");
        (!observed.holds()).then_some((index, observed))
    })
}

fn rules(observed: &Observed) -> Vec<&'static str> {
    observed.violations.iter().map(|finding| finding.violation.rule.id()).collect()
}

#[test]
fn every_misbehaviour_is_found_with_its_rule() {
    let mut wrong = Vec::new();
    for info in MUTANTS {
        for seed in 0..3 {
            match first_violation(info.scenario(), 3_000, seed) {
                None => wrong.push(format!("{} seed {seed}: not found", info.name)),
                Some((index, observed)) => {
                    let rules = rules(&observed);
                    if rules[0] != info.rule {
                        let messages: Vec<String> =
                            observed.violations.iter().map(|f| f.violation.to_string()).collect();
                        wrong.push(format!(
                            "{} seed {seed}, schedule {index}: {messages:#?}",
                            info.name
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn accusations(scenario: &Scenario, schedules: u64) -> Option<String> {
    let (index, observed) = first_violation(scenario.clone(), schedules, 7)?;
    let messages: Vec<String> =
        observed.violations.iter().map(|finding| finding.violation.to_string()).collect();
    Some(format!("{}, schedule {index}: {messages:#?}", scenario.name))
}

#[test]
fn no_correct_variant_is_accused() {
    let accused: Vec<String> =
        VARIANTS.iter().filter_map(|variant| accusations(&variant.scenario(), 1_000)).collect();
    assert!(accused.is_empty(), "{}", accused.join("\n"));
}

#[test]
fn no_built_in_scenario_is_accused() {
    let accused: Vec<String> =
        builtins().iter().filter_map(|scenario| accusations(scenario, 2_000)).collect();
    assert!(accused.is_empty(), "{}", accused.join("\n"));
}

#[test]
fn the_table_breaks_every_rule() {
    for rule in Rule::ALL {
        assert!(MUTANTS.iter().any(|info| info.rule == rule.id()), "nothing breaks {}", rule.id());
    }
    assert!(MUTANTS.iter().all(|info| Rule::ALL.iter().any(|rule| rule.id() == info.rule)));
}

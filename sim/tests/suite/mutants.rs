//! Every mutant is found with its rule, and nothing correct is accused.

use mapi_sync::contract::Rule;
use mapi_sync_sim::decision::Decisions;
use mapi_sync_sim::engine::Engine;
use mapi_sync_sim::strategy::Random;
use mapi_sync_sim::world::{
    Coverage, Faults, MUTANTS, Mutant, Needs, Observed, Scenario, Shutdown, VARIANTS, World,
    builtins,
};

/// How much more an optimised build tries.
const DEPTH: u64 = if cfg!(debug_assertions) { 1 } else { 20 };

/// The first execution that breaks a rule, among this many.
fn first_violation(scenario: Scenario, schedules: u64, seed: u64) -> Option<(u64, Observed)> {
    let world = World::new(scenario);
    let mut engine = Engine::new(world.limits(), Random::new(seed));
    (0..schedules).find_map(|index| {
        let observed = world.run(&mut engine, index).expect("random schedules never run out");
        (!observed.holds()).then_some((index, observed))
    })
}

fn rules(observed: &Observed) -> Vec<Rule> {
    observed.violations.iter().map(|finding| finding.violation.rule).collect()
}

#[test]
fn every_mutant_is_found_with_its_rule() {
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
    let accused: Vec<String> = VARIANTS
        .iter()
        .filter_map(|variant| accusations(&variant.scenario(), 300 * DEPTH))
        .collect();
    assert!(accused.is_empty(), "{}", accused.join("\n"));
}

#[test]
fn no_built_in_scenario_is_accused() {
    let accused: Vec<String> =
        builtins().iter().filter_map(|scenario| accusations(scenario, 100 * DEPTH)).collect();
    assert!(accused.is_empty(), "{}", accused.join("\n"));
}

#[test]
fn the_table_breaks_every_rule() {
    for rule in Rule::ALL {
        assert!(MUTANTS.iter().any(|info| info.rule == *rule), "nothing breaks {rule}");
    }
}

/// The results of executions: whether the contract held, and what was exercised.
fn outcomes(scenario: Scenario, schedules: u64) -> Vec<(bool, Coverage)> {
    let world = World::new(scenario);
    let mut engine = Engine::new(world.limits(), Random::new(11));
    let run = |index| {
        let observed = world.run(&mut engine, index).expect("random schedules never run out");
        (observed.holds(), observed.coverage)
    };
    (0..schedules).map(run).collect()
}

#[test]
fn mutants_need_what_the_table_says() {
    for info in MUTANTS {
        let name = info.name;
        let world = World::new(info.scenario());
        let mut engine = Engine::new(world.limits(), Random::new(1));
        let plain = world.replay(&mut engine, &Decisions::default());
        let shows_at_once =
            matches!(info.needs, Needs::Nothing) || info.mutant == Mutant::LateEvent;
        assert_eq!(!plain.holds(), shows_at_once, "{name} in the default schedule");

        let (fault, cancel, order) = match info.needs {
            Needs::Nothing => (false, false, false),
            Needs::Fault => (true, false, false),
            Needs::Cancel => (false, true, false),
            Needs::Order => (false, false, true),
            Needs::OrderAndCancel => (false, true, true),
            Needs::OrderAndFault => (true, false, true),
            other => panic!("{name} needs {other:?}"),
        };
        if fault {
            let mut calm = info.scenario();
            calm.faults = Faults::default();
            assert!(outcomes(calm, 300).iter().all(|(held, _)| *held), "{name} without faults");
        }
        if cancel {
            let mut calm = info.scenario();
            calm.host.cancels = 0;
            calm.host.shutdown = Shutdown::Never;
            assert!(outcomes(calm, 300).iter().all(|(held, _)| *held), "{name} without a cancel");
        }
        if order {
            // There are orders that hide it, although everything else that it needs was there.
            let hidden = outcomes(info.scenario(), 2_000).into_iter().any(|(held, coverage)| {
                let counters: Vec<_> = coverage.counters().collect();
                let seen = |name| counters.iter().any(|counter| counter.0 == name && counter.1 > 0);
                held && (!fault || seen("network_loss") && seen("errors"))
                    && (!cancel || seen("cancels"))
            });
            assert!(hidden, "{name} hides in some order");
        }
    }
    let by_order = MUTANTS.iter().filter(|info| {
        matches!(info.needs, Needs::Order | Needs::OrderAndCancel | Needs::OrderAndFault)
    });
    assert!(by_order.count() >= 6);
}

#[test]
fn a_mutant_breaks_one_rule_and_no_more() {
    // A sync that never ends owes its Done all the same, whatever the reason.
    let two = [Rule::HOST_ERROR_SURVIVED, Rule::DONE_ONCE];
    for info in MUTANTS {
        let world = World::new(info.scenario());
        let mut engine = Engine::new(world.limits(), Random::new(12));
        for index in 0..500 {
            let rules =
                rules(&world.run(&mut engine, index).expect("random schedules never run out"));
            let only = rules.iter().all(|rule| *rule == info.rule);
            assert!(only || rules == two, "{}, schedule {index}: {rules:?}", info.name);
        }
    }
}

//! How many schedules an exhaustive search has is known early, and about right.

use mapi_sync::contract::Rule;
use mapi_sync_sim::engine::Engine;
use mapi_sync_sim::engine::parallel::Control;
use mapi_sync_sim::strategy::{Cancellations, Probe, TrackedSharing};
use mapi_sync_sim::world::{Scenario, World};
use mapi_sync_sim::{Check, Report};

/// A sync of some folders and messages without costs: every order is possible.
fn scenario(folders: u32, messages: u32, workers: u32, mutant: &str) -> Scenario {
    let text = format!(
        r#"
        version = 1
        name = "orders"
        {mutant}
        [[account]]
        name = "Mailbox"
        flags = ["DOWNLOAD_CONTENTS"]
        folders = {folders}
        messages = {messages}
        [provider]
        workers = {workers}
        cost = {{ connect = 0, folder = 0, header = 0, body = 0, upload = 0 }}
        "#
    );
    Scenario::parse("orders.toml", &text).unwrap()
}

fn is_near(estimate: f64, truth: u32) -> bool {
    let truth = f64::from(truth);
    (truth / 1.5..truth * 1.5).contains(&estimate)
}

#[test]
fn estimates_are_right_within_a_factor_of_one_and_a_half() {
    // Depth first, the first tenth of these searches looks like a twentieth, or like half.
    for (world, classes) in [
        (scenario(3, 2, 3, ""), 9_882),
        (scenario(3, 3, 2, ""), 4_080),
        (scenario(4, 1, 4, ""), 43_008),
    ] {
        let world = World::new(world);
        for seed in 0..2 {
            let walks = Probe::classes(TrackedSharing, seed).with_walks(64);
            let mut engine = Engine::new(world.limits(), walks);
            let mut executions = 0;
            while engine.strategy::<Probe>().unwrap().rounds() < 2 {
                world.run(&mut engine, 0);
                executions += 1;
            }
            let estimate = engine.strategy::<Probe>().unwrap().estimate().unwrap();
            assert!(is_near(estimate, classes), "{estimate} of {classes}, seed {seed}");
            // It does not grow with the search.
            assert!(executions < 6_000, "{executions}");
        }
    }
}

fn exhaustive(scenario: Scenario) -> Check {
    Check::simulated(scenario).strategy("exhaustive").unwrap()
}

fn estimate(report: &Report) -> f64 {
    report.proof.as_ref().expect("it is exhaustive").estimate
}

#[test]
fn a_search_that_stops_early_says_how_much_is_left() {
    let check = exhaustive(scenario(3, 2, 3, "")).schedules(988);
    let one = check.clone().jobs(1).run();
    assert!(!one.complete && is_near(estimate(&one), 9_882), "{one}");
    let two = check.jobs(2).run();
    assert_eq!(one.proof, two.proof);

    let wrong = scenario(3, 3, 3, "mutant = \"counts-before-report\"");
    let report = exhaustive(wrong).fail_fast(true).shrink(false).run();
    assert_eq!(report.counterexamples[0].defects[0].id(), Rule::DONE_LAST.id());
    // "7 of about 7" was once said of such a search.
    let count = report.proof.as_ref().map_or(0, |proof| proof.count);
    assert!(estimate(&report) > 2.0 * f64::from(u32::try_from(count).unwrap()), "{report}");
}

/// How many schedules the last round of a bounded search has.
fn schedules_of_last_round(check: &Check) -> u64 {
    let report = check.clone().run();
    assert!(report.complete, "{report}");
    report.proof.as_ref().expect("it ends by itself").count
}

#[test]
fn bounded_searches_that_stop_early_say_how_much_is_left_of_their_round() {
    let mut known = 0;
    for (strategy, folders, messages, workers) in
        [("delays", 2, 2, 3), ("delays", 3, 3, 3), ("preemptions", 2, 2, 2), ("dfs", 2, 1, 2)]
    {
        let world = scenario(folders, messages, workers, "");
        let check = Check::simulated(world).strategy(strategy).unwrap();
        let all = schedules_of_last_round(&check);
        let executions = check.clone().run().schedules;
        // From a tenth of the last round on.
        let before = executions - all;
        for part in [10, 4, 2] {
            let report = check.clone().schedules(before + all.div_ceil(part)).run();
            let estimate = estimate(&report);
            let name = format!("{strategy}, {folders} {messages} {workers}: {estimate} of {all}");
            assert!(!report.complete, "{name}");
            // Of few executions, nothing is said: an estimate takes longer than they did.
            let near = is_near(estimate, u32::try_from(all).unwrap());
            assert!(near || report.schedules < 200 && estimate.is_infinite(), "{name}");
            known += u32::from(near);
        }
    }
    assert!(known >= 11, "{known} of 12");
}

#[test]
fn exhaustive_searches_that_stop_early_say_how_much_is_left() {
    for (world, classes) in [(scenario(3, 3, 2, ""), 4_080), (scenario(3, 2, 3, ""), 9_882)] {
        for part in [10, 4, 2] {
            let report = exhaustive(world.clone()).schedules(classes / part).run();
            let estimate = estimate(&report);
            assert!(is_near(estimate, classes as u32), "{estimate} of {classes}, 1/{part}");
        }
    }
}

/// The estimates after each execution of every drop with up to two switches.
fn estimates_of_cancellations(scenario: Scenario) -> Vec<f64> {
    let world = World::new(scenario);
    let limits = world.limits().with_drops(1).with_drops_waiting(true);
    let mut engine = Engine::new(limits, Cancellations::new().with_switches());
    let mut estimates = Vec::new();
    while world.run(&mut engine, 0).is_some() {
        estimates.extend(engine.strategy::<Cancellations>().unwrap().estimate());
    }
    estimates
}

#[test]
fn cancellations_with_switches_say_how_many_are_left_from_a_tenth_on() {
    for (folders, messages, workers) in [(3, 1, 2), (2, 1, 2), (2, 1, 3), (2, 2, 2), (3, 2, 3)] {
        let estimates = estimates_of_cancellations(scenario(folders, messages, workers, ""));
        let all = u32::try_from(estimates.len()).unwrap();
        for (done, estimate) in (1_u32..).zip(&estimates).filter(|(done, _)| done * 10 >= all) {
            let name = format!("{folders} {messages} {workers}: {estimate} of {all} at {done}");
            assert!(is_near(*estimate, all), "{name}");
        }
        // Of fewer, nobody needs an estimate.
        assert!(all > 50, "{all}");
    }
}

#[test]
fn report_of_cancellations_says_how_far_the_second_stage_came() {
    let check = Check::simulated(scenario(2, 1, 2, "")).cancellations();
    let all = check.clone().run();
    assert!(all.complete, "{all}");
    let report = check.schedules(all.schedules / 2).run();
    let text = report.to_string();
    assert!(!report.complete && text.contains("executions of about "), "{text}");
}

#[test]
fn an_unknown_number_is_said_to_be_unknown() {
    // An interrupt is heard before anything is known.
    let check = Check::simulated(scenario(3, 4, 3, "")).strategy("dfs").unwrap();
    let control = Control::new();
    control.interrupt();
    let report = check.run_under(&control);
    assert!(report.interrupted);
    assert!(estimate(&report).is_infinite(), "{report}");
    assert!(report.to_string().contains("of an unknown number"), "{report}");
}

#[test]
fn a_complete_search_needs_no_estimate() {
    let report = exhaustive(scenario(2, 2, 2, "")).run();
    assert!(report.complete);
    assert_eq!(estimate(&report).to_bits(), 112_f64.to_bits());
}

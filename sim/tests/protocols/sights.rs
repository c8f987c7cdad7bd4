//! What an exhaustive search of a protocol proves: one schedule of each class shows what all
//! schedules show, and the simulated provider, written down, makes the same calls.

use std::collections::BTreeSet;

use mapi_sync_sim::engine::{End, Engine};
use mapi_sync_sim::strategy::{Dfs, Dpor, TrackedSharing};
use mapi_sync_sim::world::{Observed, Scenario, Text, World, builtin};

use crate::files::{files, read};

/// The calls in order, and the rules that they broke.
type Sight = (Vec<String>, Vec<&'static str>);

fn sight(observed: &Observed) -> Sight {
    let calls = observed.calls.iter().map(|seen| seen.call.call.to_string()).collect();
    let rules = observed.violations.iter().map(|found| found.violation.rule.id());
    let mut rules: Vec<_> = rules.collect();
    rules.sort_unstable();
    (calls, rules)
}

/// Everything that the search of `engine` shows, or `None` if it takes too long.
fn everything(world: &World, engine: &mut Engine) -> Option<BTreeSet<Sight>> {
    let world = world.clone().with_log();
    let mut sights = BTreeSet::new();
    for run in 0..5_000 {
        let Some(observed) = world.run(engine, run) else { return Some(sights) };
        if observed.outcome.end != End::Abandoned {
            sights.insert(sight(&observed));
        }
    }
    None
}

fn reduced(world: &World) -> Option<BTreeSet<Sight>> {
    everything(world, &mut Engine::new(world.limits(), Dpor::new(TrackedSharing)))
}

#[test]
fn one_schedule_of_each_class_shows_what_all_show() {
    let mut compared = 0;
    for folder in ["bugs", "correct", "mutants"] {
        for (name, text) in files(folder) {
            let world = World::new(read(&name, &text));
            let all = everything(&world, &mut Engine::new(world.limits(), Dfs::new()));
            let Some(all) = all else { continue };
            let reduced = reduced(&world).expect("fewer classes than schedules");
            assert!(reduced == all, "{name}: {:#?}", all.symmetric_difference(&reduced).next());
            compared += 1;
        }
    }
    assert!(compared >= 50, "{compared}");
}

#[test]
fn the_simulated_provider_written_down_makes_the_same_calls() {
    let text = include_str!("today.toml");
    let protocol = read("today", text).protocol;
    for name in ["tiny-sync", "tiny-cancel"] {
        let mut built_in = builtin(name).unwrap().clone();
        built_in.provider.text = Text::Null;
        let mut written = builtin(name).unwrap().clone();
        written.version = 2;
        written.protocol = protocol.clone();
        let [built_in, written] =
            [built_in, written].map(|scenario: Scenario| reduced(&World::new(scenario)).unwrap());
        let only =
            |of: &BTreeSet<Sight>, other: &BTreeSet<Sight>| of.difference(other).next().cloned();
        assert!(
            built_in == written,
            "{name}: {} and {}\nonly built in: {:#?}\nonly written: {:#?}",
            built_in.len(),
            written.len(),
            only(&built_in, &written),
            only(&written, &built_in)
        );
    }
}

//! The world under exhaustive search: trying one schedule of each class shows what trying every schedule shows. So what
//! the world's tasks share is known to the engine.

use std::collections::BTreeSet;

use mapi_sync_sim::engine::{End, Engine};
use mapi_sync_sim::strategy::{Dfs, Reduced, TrackedSharing};
use mapi_sync_sim::world::{Cost, Folders, MUTANTS, Observed, Scenario, World, builtin};

/// The calls of one execution in order, and the rules that they broke.
type Sight = (Vec<String>, Vec<&'static str>);

fn sight(observed: &Observed) -> Sight {
    let calls = observed.calls.iter().map(|seen| format!("{}: {}", seen.account, seen.call));
    let rules = observed.violations.iter().map(|found| found.violation.rule.id());
    (calls.collect(), rules.collect())
}

/// Everything that the search of `engine` shows, or `None` if it takes too long.
fn everything(world: &World, engine: &mut Engine) -> Option<BTreeSet<Sight>> {
    let mut sights = BTreeSet::new();
    for run in 0..4_000 {
        let Some(observed) = world.run_logged(engine, run) else { return Some(sights) };
        if observed.outcome.end != End::Abandoned {
            sights.insert(sight(&observed));
        }
    }
    None
}

/// The number of classes if the search of one of each shows what the search of all schedules shows; `None` if there are
/// too many schedules to try them all.
fn classes(scenario: Scenario) -> Option<u64> {
    let world = World::new(scenario);
    let all = everything(&world, &mut Engine::new(world.limits(), Dfs::new()))?;
    let search = Reduced::new(TrackedSharing);
    let mut engine = Engine::new(world.limits(), search);
    let reduced = everything(&world, &mut engine);
    let reduced = reduced.expect("fewer classes than schedules");
    let name = &world.scenario().mutant;
    assert!(reduced == all, "{name:?}: {:#?}", all.symmetric_difference(&reduced).next());
    let certificate = engine.strategy::<Reduced>().expect("the search").certificate();
    assert!(certificate.complete, "{name:?}: {certificate}");
    Some(certificate.classes)
}

#[test]
fn the_tiny_scenarios_are_searched_to_the_end() {
    assert_eq!(classes(builtin("tiny-sync").unwrap().clone()), Some(40));
    assert_eq!(classes(builtin("tiny-cancel").unwrap().clone()), Some(29));
}

#[test]
fn misbehaviours_show_in_one_schedule_of_each_class() {
    let mut searched = 0;
    for info in MUTANTS {
        for tiny in ["tiny-sync", "tiny-cancel"] {
            let mut scenario = builtin(tiny).unwrap().clone();
            scenario.mutant = Some(info.name.to_owned());
            searched += u64::from(classes(scenario).is_some());
        }
    }
    assert!(searched >= 90, "{searched}");
}

#[test]
fn faults_and_times_are_searched_too() {
    let mut lossy = builtin("tiny-cancel").unwrap().clone();
    lossy.host.cancels = 0;
    lossy.faults.network_loss = 2;
    lossy.faults.callback_failure = 1;
    assert!(classes(lossy).is_some());

    let mut timed = builtin("tiny-sync").unwrap().clone();
    timed.provider.cost.body = Cost::Choice(vec![0, 3]);
    timed.host.callback = Cost::Choice(vec![0, 3]);
    timed.accounts[0].folders = Folders::Count(1);
    assert!(classes(timed).is_some());

    let mut refused = builtin("tiny-cancel").unwrap().clone();
    refused.host.cancels = 0;
    refused.faults.event_creation = 1;
    refused.faults.task_creation = 1;
    refused.faults.query_interface_refused = 1;
    refused.faults.task_dropped = 1;
    assert!(classes(refused).is_some());
}

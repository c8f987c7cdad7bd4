//! The world under exhaustive search: trying one schedule of each class shows what trying every
//! schedule shows. So what the world's tasks share is known to the engine.

use std::collections::BTreeSet;

use mapi_sync_sim::engine::{End, Engine};
use mapi_sync_sim::strategy::{Bound, Dfs, Dpor, TrackedSharing};
use mapi_sync_sim::world::{
    CancelBy, CancelStyle, Cost, Folders, MUTANTS, NextSync, Observed, Scenario, Shutdown, World,
    builtin,
};

/// The calls of each account in order, and the rules that they broke.
type Sight = (Vec<Vec<String>>, Vec<&'static str>);

fn sight(observed: &Observed, accounts: usize) -> Sight {
    let mut calls = vec![Vec::new(); accounts];
    let mut handles = vec![Vec::new(); accounts];
    for seen in &observed.calls {
        let call = renamed(&seen.call.call.to_string(), &mut handles[seen.account]);
        calls[seen.account].push(call);
    }
    let rules = observed.violations.iter().map(|found| found.violation.rule.id());
    let mut rules: Vec<_> = rules.collect();
    rules.sort_unstable();
    (calls, rules)
}

/// The call with its handles numbered as they come up: their values depend on what other accounts
/// do.
fn renamed(call: &str, known: &mut Vec<String>) -> String {
    let mut words = Vec::new();
    for word in call.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let handle = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        if !handle.starts_with("0x") {
            words.push(word.to_owned());
            continue;
        }
        let place = known.iter().position(|known| known == handle).unwrap_or_else(|| {
            known.push(handle.to_owned());
            known.len() - 1
        });
        words.push(word.replace(handle, &format!("number {place}")));
    }
    words.concat()
}

/// Everything that the search of `engine` shows, or `None` if it takes too long.
fn everything(world: &World, engine: &mut Engine) -> Option<BTreeSet<Sight>> {
    let world = world.clone().with_log();
    let mut sights = BTreeSet::new();
    for run in 0..20_000 {
        let Some(observed) = world.run(engine, run) else { return Some(sights) };
        if observed.outcome.end != End::Abandoned {
            sights.insert(sight(&observed, world.scenario().accounts.len()));
        }
    }
    None
}

/// The number of classes if the search of one of each shows what the search of all schedules shows;
/// `None` if there are too many schedules to try them all.
fn classes(scenario: Scenario) -> Option<u64> {
    let world = World::new(scenario);
    let all = everything(&world, &mut Engine::new(world.limits(), Dfs::new()))?;
    let search = Dpor::new(TrackedSharing);
    let mut engine = Engine::new(world.limits(), search);
    let reduced = everything(&world, &mut engine);
    let reduced = reduced.expect("fewer classes than schedules");
    let name = &world.scenario().mutant;
    assert!(reduced == all, "{name:?}: {:#?}", all.symmetric_difference(&reduced).next());
    let certificate = engine.strategy::<Dpor>().expect("the search").certificate();
    assert!(certificate.complete, "{name:?}: {certificate}");
    Some(certificate.classes)
}

#[test]
fn the_tiny_scenarios_are_searched_to_the_end() {
    assert_eq!(classes(builtin("tiny-sync").unwrap().clone()), Some(40));
    assert_eq!(classes(builtin("tiny-cancel").unwrap().clone()), Some(29));
}

#[test]
fn mutants_show_in_one_schedule_of_each_class() {
    // The search is the same code everywhere, and Wine takes minutes for all of them.
    let (every, expected) = if cfg!(windows) { (4, 20) } else { (1, 90) };
    let mut searched = 0;
    for info in MUTANTS.iter().step_by(every) {
        for tiny in ["tiny-sync", "tiny-cancel"] {
            let mut scenario = builtin(tiny).unwrap().clone();
            scenario.mutant = Some(info.name.to_owned());
            searched += u64::from(classes(scenario).is_some());
        }
    }
    assert!(searched >= expected, "{searched}");
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

/// A scenario of one sync with little to do, to build upon.
fn least() -> Scenario {
    let mut least = builtin("tiny-sync").unwrap().clone();
    least.accounts[0].folders = Folders::Count(1);
    least
}

#[test]
fn search_knows_everything_that_accounts_and_hosts_share() {
    let mut inside_done = least();
    inside_done.host.syncs = 2;
    inside_done.host.next_sync = NextSync::InsideDone;

    let mut overlapping = least();
    overlapping.host.overlap_start = true;

    let mut reentrant = least();
    reentrant.host.reentrant = true;

    let mut slow_host = builtin("tiny-sync").unwrap().clone();
    slow_host.host.callback = Cost::Fixed(2);

    let mut slow_work = builtin("tiny-sync").unwrap().clone();
    slow_work.provider.cost.body = Cost::Fixed(1);

    let mut dropped_call = least();
    dropped_call.host.cancels = 1;
    dropped_call.host.cancel_by = CancelBy::Signal;
    dropped_call.provider.on_cancel = CancelStyle::AtOnce;

    let mut shut_down = least();
    shut_down.host.shutdown = Shutdown::Released;
    shut_down.host.shutdown_after = Cost::Fixed(0);

    let all = [
        ("the next sync inside of Done", inside_done),
        ("overlapping", overlapping),
        ("reentrant", reentrant),
        ("a slow host", slow_host),
        ("slow work", slow_work),
        ("cancelled at once", dropped_call),
        ("shut down", shut_down),
    ];
    for (name, scenario) in all {
        let classes = classes(scenario);
        assert!(classes.is_some_and(|classes| classes > 1), "{name}: {classes:?}");
    }
}

/// There are too many schedules of two accounts to try them all: those with few delays must do.
#[test]
fn accounts_are_searched_together() {
    let mut scenario = least();
    scenario.accounts.push(scenario.accounts[0].clone());
    scenario.accounts[1].name = "Other".to_owned();
    let world = World::new(scenario);
    let few = Dfs::bounded(Bound::Delays(2));
    let few = everything(&world, &mut Engine::new(world.limits(), few)).expect("few schedules");
    let reduced = Dpor::new(TrackedSharing);
    let mut engine = Engine::new(world.limits(), reduced);
    let all = everything(&world, &mut engine).expect("few classes");
    assert!(few.is_subset(&all), "{:#?}", few.difference(&all).next());
    let certificate = engine.strategy::<Dpor>().expect("the search").certificate();
    assert!(certificate.complete, "{certificate}");
}

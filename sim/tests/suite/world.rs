//! The world: the same decisions give the same execution, everything comes to an end, and foreign
//! providers fit in.

use std::collections::BTreeMap;
use std::sync::Arc;

use mapi_sync::contract::{Answer, Call};
use mapi_sync::{HResult, MapiSync, OwnedEvent, RawEvent, SyncRequest, async_trait};
use mapi_sync_sim::engine::{End, Engine};
use mapi_sync_sim::strategy::Random;
use mapi_sync_sim::world::{
    Cost, Coverage, Fault, Finding, Folders, MUTANTS, MutantInfo, Observed, VARIANTS, VariantInfo,
    World, builtin, builtins, scenario_named,
};

fn engine(world: &World, seed: u64) -> Engine {
    Engine::new(world.limits(), Random::new(seed))
}

/// The rule, and at which call of its sync it was broken.
fn places(findings: &[Finding]) -> Vec<(usize, &'static str, u32, u32)> {
    findings
        .iter()
        .map(|Finding { account, violation }| {
            (*account, violation.rule.id(), violation.sync.0, violation.position)
        })
        .collect()
}

#[test]
fn every_correct_execution_comes_to_its_end() {
    let scenarios = VARIANTS.iter().map(VariantInfo::scenario);
    for scenario in builtins().iter().cloned().chain(scenarios) {
        let world = World::new(scenario);
        let mut engine = engine(&world, 3);
        for index in 0..200 {
            let Observed { outcome, coverage, .. } = world.run(&mut engine, index).unwrap();
            let name = &world.scenario().name;
            assert_eq!(outcome.end, End::Completed, "{name}, schedule {index}");
            // A panic of the host's is caught by the provider, always.
            assert_eq!(outcome.panics, [], "{name}, schedule {index}: {coverage:?}");
        }
    }
}

#[test]
fn executions_follow_from_their_decisions_alone() {
    let mutants = MUTANTS.iter().map(MutantInfo::scenario);
    for scenario in builtins().iter().cloned().chain(mutants) {
        let world = World::new(scenario);
        let mut engine = engine(&world, 4);
        for index in 0..20 {
            let observed = world.run(&mut engine, index).unwrap();
            if let Err(error) = world.repeat(&mut engine, &observed) {
                panic!("{}, schedule {index}: {error}", world.scenario().name);
            }
        }
    }
}

#[test]
fn a_violation_replays_at_the_same_call() {
    for info in MUTANTS {
        let world = World::new(info.scenario());
        let mut engine = engine(&world, 5);
        let found = (0..5_000).find_map(|index| {
            let observed = world.run(&mut engine, index).unwrap();
            (!observed.holds()).then_some(observed)
        });
        let found = found.unwrap_or_else(|| panic!("{} is not found", info.name));
        assert!(found.calls.is_empty(), "no log was asked for");
        let decisions = engine.decisions();
        let replayed = world.replay(&mut engine, &decisions);
        assert_eq!(places(&replayed.violations), places(&found.violations), "{}", info.name);
        assert_eq!(replayed.coverage, found.coverage, "{}", info.name);
        assert!(!replayed.calls.is_empty(), "{} has a log", info.name);
    }
}

#[test]
fn the_default_scenario_exercises_all_that_it_has() {
    let world = World::new(builtin("default").unwrap().clone());
    let mut engine = engine(&world, 1);
    let mut coverage = Coverage::new();
    for index in 0..2_000 {
        coverage.merge(&world.run(&mut engine, index).unwrap().coverage);
    }
    let idle: Vec<&str> = coverage.counters().filter(|c| c.1 == 0).map(|c| c.0).collect();
    // A fault that came later: the scenario keeps its digest, so that its tokens replay.
    assert_eq!(idle, ["fast_shutdowns", "releases", "handle_duplication"]);
    assert!(coverage.done() > 2_000 && coverage.fault(Fault::NetworkLoss) > 100);
}

#[test]
fn the_default_schedule_never_changes() {
    let world = World::new(builtin("tiny-sync").unwrap().clone());
    let observed = world.replay(&mut engine(&world, 0), &Default::default());
    let lines: Vec<String> = observed
        .calls
        .iter()
        .map(|seen| format!("{} {}: {}", seen.call.at_ms, seen.name, seen.call.call))
        .collect();
    assert_eq!(
        lines,
        [
            "0 main: SynchronizeInBackground(DOWNLOAD_CONTENTS)",
            "0 main: QueryInterface of the callback",
            "0 main: CreateEvent gave event 0x4",
            "0 main: DuplicateHandle(event 0x4) by the provider gave event 0x8",
            "0 main: event 0x4 put in the out-pointer",
            "0 main: SynchronizeInBackground returned S_OK, with event 0x4 in the out-pointer",
            "0 sync: Progress(\"Synchronizing Folder 1\", 0, 2)",
            "0 sync: call 1 returned S_OK",
            "0 worker: Progress(\"Synchronizing Folder 1\", 1, 2)",
            "0 worker: call 2 returned S_OK",
            "0 worker: Progress(\"Synchronizing Folder 2\", 2, 2)",
            "0 worker: call 3 returned S_OK",
            "0 sync: Done(event 0x4, S_OK)",
            "0 sync: call 4 returned S_OK",
            "0 sync: Release of the callback",
            "0 sync: SetEvent(event 0x8) by the provider",
            "0 sync: CloseHandle(event 0x8) by the provider",
            "0 main: wait for event 0x4 by the host",
            "0 main: CloseHandle(event 0x4) by the host",
            "0 main: store released"
        ]
    );
}

/// A provider on the session, as a user of this crate would write it.
struct Store;

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            for done in 1..=3 {
                if session.cancel().is_requested() {
                    return session.done(HResult::MAPI_E_USER_CANCEL).await;
                }
                session.progress(Some("Inbox"), done, 3).await;
                session.sleep(std::time::Duration::from_millis(10)).await;
            }
            session.done(HResult::S_OK).await
        })
    }
}

#[test]
fn a_foreign_provider_is_run_under_the_same_host() {
    for name in ["default", "user-cancels", "tasks-dropped", "host-fails", "next-sync-inside-done"]
    {
        let scenario = scenario_named(name).unwrap();
        let world = World::with_provider(scenario, |_| Arc::new(Store));
        let mut engine = engine(&world, 6);
        for index in 0..500 {
            let observed = world.run(&mut engine, index).unwrap();
            assert_eq!(observed.violations, [], "{name}, schedule {index}");
            assert!(observed.is_complete());
        }
    }
}

/// A provider that never signals its event.
struct Forgetful;

#[async_trait]
impl MapiSync for Forgetful {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let callback = match request.query_callback() {
            Ok(callback) => callback,
            Err(code) => return code,
        };
        let Ok(event) = OwnedEvent::create(request.runtime().events()) else {
            return HResult::E_OUTOFMEMORY;
        };
        request.event_out().publish(event.into_raw());
        let task = async move {
            callback.done(RawEvent::NULL, HResult::S_OK).await;
        };
        match request.runtime().spawn("sync".into(), Box::pin(task)) {
            Ok(task) => task.detach(),
            Err(code) => return code,
        }
        HResult::S_OK
    }
}

#[test]
fn a_foreign_provider_that_hangs_its_host_is_found_out() {
    let world =
        World::with_provider(builtin("tiny-sync").unwrap().clone(), |_| Arc::new(Forgetful));
    let observed = world.run(&mut engine(&world, 1), 0).unwrap();
    assert_eq!(places(&observed.violations), [(0, "event-after-done", 1, 8)]);
    assert!(matches!(observed.outcome.end, End::Deadlock(_)));
}

#[test]
fn a_log_shows_how_calls_ended() {
    let world = World::new(scenario_named("host-fails").unwrap());
    let mut engine = engine(&world, 2);
    let mut answers = BTreeMap::new();
    for index in 0..300 {
        world.run(&mut engine, index).unwrap();
        let decisions = engine.decisions();
        for seen in world.replay(&mut engine, &decisions).calls {
            if let Call::Ended { answer, .. } = seen.call.call {
                let kind = match answer {
                    Answer::Returned(HResult::S_OK) => "S_OK",
                    Answer::Returned(_) => "failure",
                    Answer::Panicked => "panic",
                    Answer::Dropped => "dropped",
                };
                *answers.entry(kind).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(answers.keys().copied().collect::<Vec<_>>(), ["S_OK", "failure", "panic"]);
}

#[test]
fn a_thousand_accounts_of_ten_folders_run() {
    let mut scenario = builtin("tiny-sync").unwrap().clone();
    let mut account = scenario.accounts[0].clone();
    account.folders = Folders::Count(10);
    scenario.accounts = vec![account; 1_000];
    scenario.provider.cost.body = Cost::Uniform(1, 9);
    let world = World::new(scenario);
    let observed = world.run(&mut engine(&world, 1), 0).unwrap();
    assert!(observed.holds() && observed.is_complete());
    assert_eq!(observed.coverage.done(), 1_000);
    assert_eq!(observed.outcome.tasks, 1_000 * (1 + 1 + 2));
}

//! Each task is dropped at each of its await points, and the contract holds all the same.

use std::sync::Arc;
use std::time::Duration;

use mapi_sync::contract::Rule;
use mapi_sync::{
    BoxFuture, CallbackRef, HResult, MapiSync, RawEvent, Runtime, SyncRequest, async_trait,
};
use mapi_sync_sim::decision::Kind;
use mapi_sync_sim::engine::{ChoicePoint, Decision, Engine, Strategy, TaskId};
use mapi_sync_sim::world::{Fault, Faults, Host, MUTANTS, Scenario, World, builtins};
use mapi_sync_sim::{Check, Defect, Report, check};

use crate::raw::RawSync;

/// Naps so often, on the session; a helper naps as often beside it.
struct Napping(u32);

#[async_trait]
impl MapiSync for Napping {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let naps = self.0;
        request.start(move |session| async move {
            for _ in 0..naps {
                session.sleep(Duration::from_millis(1)).await;
            }
            session.done(HResult::S_OK).await
        })
    }
}

/// The default schedule, counting where a task could be dropped.
#[derive(Default)]
struct Counting(u64);

impl Strategy for Counting {
    fn begin(&mut self, _: u64) -> bool {
        true
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        at.default_task()
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        self.0 += u64::from(at.kind == Kind::Drop);
        0
    }
}

/// The await points of the provider's tasks in the default schedule of a scenario.
fn await_points(scenario: &Scenario) -> u64 {
    let world = World::new(scenario.clone());
    let limits = world.limits().with_drops(1);
    let mut engine = Engine::new(limits, Counting::default());
    world.run(&mut engine, 0).unwrap();
    engine.strategy::<Counting>().unwrap().0
}

/// All cases were run, and each execution but the first dropped one task at most.
fn assert_complete(report: &Report, await_points: u64, name: &str) {
    let proof = report.proof.as_ref().expect("it is exhaustive");
    assert!(report.complete && proof.complete, "{name}");
    assert_eq!(proof.count, await_points + 1, "{name}");
    let drops = report.coverage.fault(Fault::TaskDropped);
    assert!((await_points..report.schedules).contains(&drops), "{name}");
}

#[test]
fn the_safe_session_holds_in_every_built_in_scenario() {
    for scenario in builtins() {
        let name = &scenario.name;
        // The thread's handle is published by a provider that does everything by hand; the others
        // use the session.
        let points = await_points(scenario);
        assert!(points > 0, "{name}");
        let report = Check::builtin(name).unwrap().cancellations().run();
        report.assert_holds();
        assert_complete(&report, points, name);
    }
}

#[test]
fn one_more_await_is_one_more_case() {
    let cases = |naps| {
        let quiet = check(move || Napping(naps)).faults(Faults::default()).host(Host::default());
        let report = quiet.cancellations().run();
        report.assert_holds();
        let cases = report.proof.as_ref().map_or(0, |proof| proof.count);
        assert_complete(&report, cases - 1, "napping");
        cases
    };
    let none = cases(0);
    for naps in 1..20 {
        assert_eq!(cases(naps), none + u64::from(naps));
    }
}

#[test]
fn the_number_of_jobs_changes_nothing() {
    let run = |jobs| Check::builtin("tiny-sync").unwrap().cancellations().jobs(jobs).run();
    let (one, four) = (run(1), run(4));
    assert_eq!((one.schedules, one.steps), (four.schedules, four.steps));
}

#[test]
fn a_provider_without_a_guard_is_found_and_its_token_replays() {
    let info = MUTANTS.iter().find(|info| info.name == "no-done-when-dropped").unwrap();
    let report = Check::mutant(info).cancellations().run();
    assert!(report.complete);
    let shown = &report.counterexamples[0];
    assert_eq!(shown.defects[0], Defect::Rule(Rule::DONE_ONCE));
    let token = shown.token().to_string();
    let again = Check::of_token(&token).unwrap().replay(&token).unwrap();
    assert_eq!(again.execution.breaches, shown.execution.breaches);

    // The scenario need not have the fault: the token says that it was given.
    let calm = Scenario { faults: Faults::default(), ..info.scenario() };
    let check = Check::simulated(calm);
    let report = check.clone().cancellations().run();
    let shown = &report.counterexamples[0];
    let again = check.replay(&shown.token().to_string()).unwrap();
    assert_eq!(again.execution.breaches, shown.execution.breaches);
}

/// Sends Done if it is dropped before it has.
struct OwedDone {
    callback: Option<CallbackRef>,
    event: RawEvent,
    runtime: Arc<dyn Runtime>,
}

impl Drop for OwedDone {
    fn drop(&mut self) {
        let Some(callback) = self.callback.take() else { return };
        let event = self.event;
        let done = async move {
            callback.done(event, HResult::E_FAIL).await;
        };
        if let Ok(task) = self.runtime.spawn("owed".into(), Box::pin(done)) {
            task.detach();
        }
    }
}

/// Waits for a helper that reports for as long as it lives. The sync stops the helper before its
/// Done, unless it is dropped while it waits for the helper's answer.
struct LeavesItsHelper;

#[async_trait]
impl MapiSync for LeavesItsHelper {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let RawSync { callback, event, private } = match RawSync::begin(&request) {
            Ok(begun) => begun,
            Err(code) => return code,
        };
        let runtime = Arc::clone(request.runtime());
        if request.event_out().publish(event.raw()).is_failure() {
            return HResult::E_FAIL;
        }
        let event = event.into_raw();
        let (answer, answered) = tokio::sync::oneshot::channel::<()>();
        let (reports, clock) = (callback.clone(), Arc::clone(&runtime));
        let helper = Box::pin(async move {
            for position in 1..=3 {
                clock.sleep(Duration::from_millis(20)).await;
                reports.progress(Some("Inbox"), position, 3).await;
            }
            drop(reports);
            let _ = answer.send(());
        });
        let owed = runtime.clone();
        let sync = Box::pin(async move {
            let mut owed = OwedDone { callback: Some(callback), event, runtime: owed };
            let _ = answered.await;
            if let Some(callback) = owed.callback.take() {
                callback.done(event, HResult::S_OK).await;
            }
            private.set();
        });
        for (name, task) in [("helper", helper as BoxFuture), ("sync", sync as BoxFuture)] {
            match runtime.spawn(name.into(), task) {
                Ok(task) => task.detach(),
                Err(_) => return HResult::E_OUTOFMEMORY,
            }
        }
        HResult::S_OK
    }
}

fn leaves_its_helper() -> Check {
    let faults = Faults { task_dropped: 1, ..Faults::default() };
    check(|| LeavesItsHelper).faults(faults).host(Host::default())
}

#[test]
fn sync_dropped_while_its_helper_works_is_found() {
    let done_last = Defect::Rule(Rule::DONE_LAST);
    for report in [leaves_its_helper().run(), leaves_its_helper().cancellations().run()] {
        let shown = report
            .counterexamples
            .iter()
            .find(|shown| shown.defects.contains(&done_last))
            .unwrap_or_else(|| panic!("{}: {report}", report.strategy));
        assert!(shown.why.is_some(), "{}", report.strategy);
        let token = shown.token().to_string();
        let again = leaves_its_helper().replay(&token).unwrap();
        assert_eq!(again.execution.breaches, shown.execution.breaches, "{}", report.strategy);
        assert_eq!(again.left_over, None);
        // A search that ends by itself replays it too.
        let dfs = leaves_its_helper().strategy("dfs").unwrap().replay(&token).unwrap();
        assert_eq!(dfs.execution.breaches, shown.execution.breaches);
    }
}

#[test]
fn certificate_says_which_further_executions_were_run() {
    let proof = |check: Check| check.cancellations().run().proof.unwrap().to_string();
    let small = proof(leaves_its_helper());
    assert!(small.contains("then each drop with up to 2 switches ("), "{small}");
    let large = proof(Check::builtin("default").unwrap());
    assert!(large.contains("then each drop in 10 random orders ("), "{large}");
}

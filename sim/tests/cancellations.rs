//! Each task is dropped at each of its await points, and the contract holds all the same.

use std::time::Duration;

use mapi_sync::contract::Rule;
use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::decision::Kind;
use mapi_sync_sim::engine::{ChoicePoint, Decision, Engine, Strategy, TaskId};
use mapi_sync_sim::world::{Fault, Faults, Host, MUTANTS, Scenario, World, builtins};
use mapi_sync_sim::{Check, Defect, Report, check};

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

/// All cases were run, and each but the first dropped one task.
fn assert_complete(report: &Report, await_points: u64, name: &str) {
    assert_eq!(report.schedules, await_points + 1, "{name}");
    let proof = report.proof.as_ref().expect("it is exhaustive");
    assert!(report.complete && proof.complete, "{name}");
    assert_eq!(proof.count, report.schedules, "{name}");
    assert_eq!(report.coverage.fault(Fault::TaskDropped), await_points, "{name}");
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
        assert_complete(&report, report.schedules - 1, "napping");
        report.schedules
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

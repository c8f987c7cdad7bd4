//! The suite on the simulator: each case under many schedules, all with the same outcome.

use std::sync::{Arc, Mutex};

use mapi_sync::contract::{Monitor, MonitorConfig};
use mapi_sync::{MapiSync, ProcessEvents, Runtime};
use mapi_sync_conformance::case::{Case, Outcome};
use mapi_sync_conformance::provider::Scripted;
use mapi_sync_conformance::{host, mount};
use mapi_sync_sim::engine::{Engine, Limits, SimRuntime};
use mapi_sync_sim::strategy::Random;

const SCHEDULES: u64 = 300;

/// The outcome of one schedule.
type Found = Arc<Mutex<Option<Outcome>>>;

fn program(case: &Case, found: &Found) -> impl Future<Output = ()> + Send + 'static {
    let (case, found) = (case.clone(), Arc::clone(found));
    async move {
        let events = Arc::new(ProcessEvents::new());
        let runtime: Arc<dyn Runtime> = Arc::new(SimRuntime::new(events));
        let clock = |runtime: Arc<dyn Runtime>| move || runtime.now().as_millis() as u64;
        let monitor = Monitor::new(MonitorConfig::default(), clock(Arc::clone(&runtime)));
        let provider: Arc<dyn MapiSync> = Arc::new(monitor.watch(Scripted::new(&case)));
        let outcome = host::run(&case, provider, runtime).await;
        assert_eq!(monitor.finish(), []);
        *found.lock().expect("no panic under this lock") = Some(outcome);
    }
}

fn run(case: &Case) -> Outcome {
    let found = Found::default();
    let mut engine = Engine::new(Limits::default(), Random::new(4));
    let mut first = None;
    for index in 0..SCHEDULES {
        let run = engine.execute(index, program(case, &found)).expect("random never ends");
        let outcome = found.lock().expect("no panic under this lock").take();
        let outcome = outcome.unwrap_or_else(|| panic!("no outcome: {run:?}"));
        if index % 50 == 0 {
            engine.repeat(&run, program(case, &found)).expect("a deterministic case");
            assert_eq!(
                found.lock().expect("no panic under this lock").take(),
                Some(outcome.clone())
            );
        }
        assert_eq!(first.get_or_insert_with(|| outcome.clone()), &outcome, "schedule {index}");
    }
    first.expect("at least one schedule")
}

mount! { run; without method tables }

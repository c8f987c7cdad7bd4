//! Runs a program inside of executions, and on the real runtime.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use mapi_sync_engine::strategy::{Dfs, Dpor, Random, TrackedSharing};
use mapi_sync_engine::{End, Engine, Limits, Outcome, Strategy};
use mapi_sync_tokio::runtime::Builder;

/// What an exhaustive search found: how many executions it ran, and how often each result came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct All<T: Ord> {
    pub(crate) classes: u64,
    pub(crate) results: BTreeMap<T, u64>,
}

/// Runs one schedule of every class. Each execution has to complete, and no task may panic.
pub(crate) fn classes<T, F>(program: impl Fn() -> F) -> All<T>
where
    T: Ord + Debug + Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    search(Dpor::new(TrackedSharing), program)
}

/// The same. Every single schedule has to give the same results.
pub(crate) fn exhaust<T, F>(program: impl Fn() -> F) -> All<T>
where
    T: Ord + Debug + Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let found = classes(&program);
    let every = search(Dfs::new(), &program);
    assert!(found.results.keys().eq(every.results.keys()), "{found:?} of {every:?}");
    assert!(found.classes <= every.classes);
    found
}

fn search<T, F>(strategy: impl Strategy, program: impl Fn() -> F) -> All<T>
where
    T: Ord + Debug + Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut engine = Engine::new(Limits::default(), strategy);
    let mut results = BTreeMap::new();
    let mut classes = 0;
    while let Some((outcome, result)) = execute(&mut engine, classes, program()) {
        if outcome.end == End::Abandoned {
            continue;
        }
        assert_eq!((&outcome.end, &outcome.panics), (&End::Completed, &vec![]));
        classes += 1;
        *results.entry(result.expect("the main task has ended")).or_default() += 1;
        assert!(classes < 20_000, "too many classes for a test");
    }
    All { classes, results }
}

/// Runs one random schedule.
pub(crate) fn once<T, F>(seed: u64, program: F) -> (Outcome, Option<T>)
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut engine = Engine::new(Limits::default(), Random::new(seed));
    execute(&mut engine, 0, program).expect("a random strategy does not end")
}

fn execute<T, F>(engine: &mut Engine, index: u64, program: F) -> Option<(Outcome, Option<T>)>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let result = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&result);
    let outcome = engine.execute(index, async move {
        let output = program.await;
        *slot.lock().unwrap() = Some(output);
    })?;
    let result = result.lock().unwrap().take();
    Some((outcome, result))
}

/// Runs a program on the real runtime, with a paused clock.
pub(crate) fn outside<T>(program: impl Future<Output = T>) -> T {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap().block_on(program)
}

//! The tool itself survives providers that are random, panic, or drop what they hold.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::engine;
use mapi_sync_sim::report::Document;
use mapi_sync_sim::strategy::{STRATEGIES, TrackedSharing};
use mapi_sync_sim::world::{Faults, Host};
use mapi_sync_sim::{Check, Defect, LimitChanges, Report, check};

use crate::writing::{replay_all, write};

/// A number below `end` that no decision controls.
fn random_below(end: u64) -> u64 {
    // Every state has keys of its own.
    RandomState::new().hash_one(0) % end
}

/// Writes everything that can be written about a report, and replays its tokens.
fn exercise(check: &Check, report: &Report) {
    replay_all(check, report);
    let text = write(Document::Check(report));
    assert_eq!(report.holds(), text.contains("the contract held"), "{text}");
}

fn quiet(check: Check) -> Check {
    check.faults(Faults::default()).host(Host::default()).jobs(1)
}

/// Two branches are ready. One of them is wrong.
struct UnbiasedSelect;

#[async_trait]
impl MapiSync for UnbiasedSelect {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            let mut right = futures::future::ready(());
            let mut wrong = futures::future::ready(());
            futures::select! {
                () = right => {}
                () = wrong => panic!("the wrong branch"),
            }
            session.done(HResult::S_OK).await
        })
    }
}

/// It does one thing after another, in the order of a map, a few of them wrong.
struct MapOrder;

#[async_trait]
impl MapiSync for MapOrder {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            let steps: HashMap<u32, ()> = (0..6).map(|step| (step, ())).collect();
            for step in steps.into_keys() {
                match step {
                    0 => session.sleep(Duration::from_millis(1)).await,
                    1 => engine::yield_now().await,
                    2 => panic!("out of turn"),
                    3 => drop(engine::spawn("child", engine::sleep(2))),
                    4 => {
                        session.progress(Some("Inbox"), 2, 1).await;
                    }
                    _ => {
                        session.progress(Some("Inbox"), 1, 1).await;
                    }
                }
            }
            session.done(HResult::S_OK).await
        })
    }
}

/// Panics wherever something is dropped, and now and then besides.
struct Bomb {
    always: bool,
}

impl Drop for Bomb {
    fn drop(&mut self) {
        // A task that starts while everything is being dropped never runs.
        if engine::is_closing() && !std::thread::panicking() {
            drop(engine::spawn("late", async {}));
        }
        let explodes = self.always || random_below(4) == 0;
        assert!(!explodes || std::thread::panicking(), "dropped");
    }
}

/// Its tasks panic when they are dropped, also while the execution is closed.
struct Explosive {
    always: bool,
}

#[async_trait]
impl MapiSync for Explosive {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let always = self.always;
        request.start(move |session| async move {
            let _bomb = Bomb { always };
            let held = engine::spawn_droppable("holder", async move {
                let _bomb = Bomb { always };
                let _nested = SpawnsWhenDropped(always);
                engine::sleep(3).await;
            });
            let forgotten = engine::spawn("forgotten", async move {
                let _bomb = Bomb { always };
                let _nested = SpawnsWhenDropped(always);
                std::future::pending::<()>().await;
            });
            session.sleep(Duration::from_millis(1)).await;
            held.abort();
            drop(forgotten);
            session.done(HResult::E_FAIL).await
        })
    }
}

/// When it is dropped, it spawns a task whose future panics when that is dropped.
struct SpawnsWhenDropped(bool);

impl Drop for SpawnsWhenDropped {
    fn drop(&mut self) {
        if engine::is_closing() {
            let bomb = Bomb { always: self.0 };
            drop(engine::spawn("explosive", async move {
                let _bomb = bomb;
            }));
        }
    }
}

/// Takes a random number of steps, in random tasks, and then does something random.
struct Erratic;

#[async_trait]
impl MapiSync for Erratic {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let cell = engine::sync::Register::new("cell", 0_u64);
        let mutex = Arc::new(engine::sync::Mutex::new("lock", ()));
        request.start(move |session| async move {
            for _ in 0..random_below(3) {
                let (cell, mutex) = (cell.clone(), Arc::clone(&mutex));
                drop(engine::spawn_droppable("child", async move {
                    for _ in 0..random_below(4) {
                        let _held = mutex.lock().await;
                        let seen = cell.read().await;
                        engine::sleep(random_below(3)).await;
                        cell.write(seen + u64::from(engine::choose("step", 3))).await;
                    }
                }));
            }
            match random_below(6) {
                0 => panic!("at random"),
                1 => return session.done(HResult::E_FAIL).await,
                2 => std::future::pending().await,
                3 => {
                    session.progress(Some("Inbox"), 3, 2).await;
                }
                _ => {}
            }
            session.done(if random_below(2) == 0 { HResult::S_OK } else { HResult::E_FAIL }).await
        })
    }
}

#[test]
fn unbiased_select_is_reported_as_nondeterminism_that_names_the_defect() {
    let check = quiet(check(|| UnbiasedSelect)).schedules(20);
    let mut named = 0;
    for _ in 0..50 {
        let report = check.run();
        exercise(&check, &report);
        for shown in &report.counterexamples {
            if let Some(breach) = shown.execution.breach(Defect::Nondeterminism) {
                assert_eq!(shown.defects[0], Defect::Nondeterminism, "{:?}", shown.defects);
                assert!(breach.message.contains("`select!`"), "{}", breach.message);
                let seen = ["`panic`", "`done-once`"];
                named += usize::from(seen.iter().any(|seen| breach.message.contains(seen)));
            }
        }
    }
    // Of 50 checks, some see a defect that does not come again.
    assert!(named > 0);
}

#[test]
fn clock_that_runs_ahead_is_no_obstacle_to_shrinking() {
    struct Skewed;
    #[async_trait]
    impl MapiSync for Skewed {
        async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
            request.start(|session| async move {
                let naps = [1, 3].map(|ms| engine::spawn("napper", engine::sleep(ms)));
                let wrong = engine::spawn("wrong", async {
                    engine::yield_now().await;
                    let late = engine::now() > 0;
                    assert!(!late, "the clock ran ahead");
                });
                for task in naps.into_iter().chain([wrong]) {
                    let _ended = task.await;
                }
                session.done(HResult::E_FAIL).await
            })
        }
    }
    let limits = LimitChanges { skew_ms: Some(5), ..LimitChanges::default() };
    let check = quiet(check(|| Skewed)).limits(limits).schedules(300);
    let report = check.run();
    exercise(&check, &report);
    let defects: Vec<Defect> =
        report.counterexamples.iter().flat_map(|shown| shown.defects.clone()).collect();
    assert!(defects.contains(&Defect::Panic), "{defects:?}");
    assert!(!defects.contains(&Defect::Nondeterminism), "{defects:?}");
}

/// Checks a provider with every strategy, and makes its counterexamples smaller once.
fn survive(unruly: &Check) {
    let limits = LimitChanges { skew_ms: Some(2), max_steps: Some(400), ..LimitChanges::default() };
    for (number, strategy) in STRATEGIES.iter().enumerate() {
        let shrinks = number == 0;
        let check = unruly.clone().with_strategy(strategy).schedules(10).jobs(1).shrink(shrinks);
        exercise(&check, &check.run());
        let skewed = check.clone().limits(limits);
        exercise(&skewed, &skewed.run());
        if strategy.reduces {
            let tracked = check.tracked_sharing(TrackedSharing);
            exercise(&tracked, &tracked.run());
        }
    }
}

#[test]
fn every_strategy_survives_random_branches() {
    survive(&check(|| UnbiasedSelect));
}

#[test]
fn every_strategy_survives_random_order() {
    survive(&check(|| MapOrder));
}

#[test]
fn every_strategy_survives_panicking_drops() {
    survive(&check(|| Explosive { always: true }));
    survive(&check(|| Explosive { always: false }));
}

#[test]
fn every_strategy_survives_erratic_tasks() {
    survive(&check(|| Erratic));
}

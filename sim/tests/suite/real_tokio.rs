//! Programs and a provider that call the real tokio, as a dependency does that was not renamed.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::engine::{self, sync::Register};
use mapi_sync_sim::strategy::TrackedSharing;
use mapi_sync_sim::{Check, Defect, ReplayOutcome, Report, Warning, check, explore};
use tokio::time::{self, Instant};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A warning's schedule, who asked for the real tokio and where, and whether tasks of it ran.
type Said = (u64, Vec<(String, String)>, bool);

/// What a report says of the real tokio.
fn said(report: &Report) -> Option<Said> {
    report.warnings.iter().find_map(|warning| match warning {
        Warning::RealTokio { index, uses, has_tasks } => {
            let uses = uses.iter().map(|asks| (asks.task.clone(), asks.place.clone()));
            Some((*index, uses.collect(), *has_tasks))
        }
        _ => None,
    })
}

fn message(report: &Report) -> String {
    let found = &report.counterexamples[0];
    found.execution.breach(found.defects[0]).unwrap().message.clone()
}

#[test]
fn timers_of_both_clocks_fire_in_one_order() {
    let report = explore(|| async {
        let began = Instant::now();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = |seen: &Arc<Mutex<Vec<(u64, u64)>>>, at: u64| {
            seen.lock().unwrap().push((at, engine::now()));
        };
        let mut tasks = Vec::new();
        // More than 64 ms apart too, where tokio sorts its timers by other means.
        for at in [5, 30, 63, 64, 65, 200, 5_000, 300_000] {
            let of_task = Arc::clone(&seen);
            tasks.push(engine::spawn("theirs", async move {
                time::sleep(ms(at)).await;
                assert_eq!(began.elapsed(), ms(at));
                note(&of_task, at);
            }));
            let of_task = Arc::clone(&seen);
            tasks.push(engine::spawn("ours", async move {
                engine::sleep(at + 1).await;
                assert_eq!(began.elapsed(), ms(at + 1));
                note(&of_task, at + 1);
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 16);
        assert!(seen.iter().all(|(due, at)| due == at), "{seen:?}");
        assert!(seen.is_sorted(), "{seen:?}");
    })
    .schedules(200)
    .run();
    assert!(report.passes(), "{report}");
    let (index, uses, has_tasks) = said(&report).expect("a warning");
    assert_eq!((index, has_tasks), (0, false));
    assert!(uses.iter().any(|(task, place)| task == "theirs" && place.contains("real_tokio.rs")));
}

#[test]
fn timeouts_and_intervals_are_exact() {
    let report = explore(|| async {
        let began = Instant::now();
        time::timeout(ms(100), pending::<()>()).await.unwrap_err();
        assert_eq!(engine::now(), 100);
        time::timeout(ms(50), engine::sleep(20)).await.unwrap();
        assert_eq!(engine::now(), 120);
        let mut ticks = time::interval(ms(30));
        for tick in 0..4 {
            ticks.tick().await;
            assert_eq!(engine::now(), 120 + 30 * tick);
        }
        time::sleep_until(began + ms(400)).await;
        assert_eq!(engine::now(), 400);
        // A part of a millisecond is a whole one.
        time::sleep(Duration::from_micros(300)).await;
        assert_eq!(engine::now(), 401);
    })
    .schedules(100)
    .run();
    assert!(report.passes(), "{report}");
}

#[test]
fn order_of_equal_timers_is_explored() {
    let report = |strategy, timer: fn() -> bool| {
        explore(move || async move {
            let tasks = [1, 2, 3].map(|_| {
                engine::spawn("sleeper", async move {
                    if timer() { engine::sleep(10).await } else { time::sleep(ms(10)).await }
                })
            });
            for task in tasks {
                task.await.unwrap();
            }
        })
        .strategy(strategy)
        .unwrap()
        .run()
    };
    let (own, real) = (report("dfs", || true), report("dfs", || false));
    let (own, real) = (own.proof.unwrap(), real.proof.unwrap());
    assert!(own.complete && real.complete, "{real}");
    assert_eq!(own.count, real.count);
}

/// A counter that real tasks raise, by reading it and writing it back.
async fn add(counter: Arc<AtomicU32>) {
    let seen = counter.load(Ordering::Relaxed);
    tokio::task::yield_now().await;
    counter.store(seen + 1, Ordering::Relaxed);
}

fn lost_addition() -> Check {
    explore(|| async {
        let counter = Arc::new(AtomicU32::new(0));
        let of_task = Arc::clone(&counter);
        let theirs = tokio::spawn(add(of_task));
        let of_task = Arc::clone(&counter);
        let ours = engine::spawn("ours", async move {
            of_task.fetch_add(1, Ordering::Relaxed);
        });
        ours.await.unwrap();
        theirs.await.unwrap();
        assert_eq!(counter.load(Ordering::Relaxed), 2, "an addition is lost");
    })
}

#[test]
fn order_of_a_real_task_and_ours_is_explored() {
    let check = lost_addition().schedules(1_000);
    let report = check.clone().jobs(1).run();
    assert_eq!(report.counterexamples[0].defects[0], Defect::Panic, "{report}");
    assert!(message(&report).contains("an addition is lost"), "{report}");
    let (_, uses, has_tasks) = said(&report).expect("a warning");
    assert!(has_tasks, "{report}");
    assert_eq!(uses.len(), 1, "{uses:?}");
    assert!(uses[0].0 == "main" && uses[0].1.contains("real_tokio.rs"), "{uses:?}");
    let text = report.to_string();
    assert!(text.contains("was not explored") && text.contains("`main` at "), "{text}");
    // The token replays it, and the number of threads changes nothing.
    let token = report.counterexamples[0].token().to_string();
    let replayed = check.replay(&token).unwrap();
    assert_eq!(replayed.outcome(), ReplayOutcome::Broken);
    let second = check.jobs(2).run();
    assert_eq!(second.counterexamples[0].token().to_string(), token);
    assert_eq!((second.steps, said(&second)), (report.steps, said(&report)));
}

#[test]
fn real_tasks_sleep_join_and_wake_ours() {
    let report = explore(|| async {
        let (to_ours, from_theirs) = tokio::sync::oneshot::channel();
        let theirs = tokio::spawn(async move {
            time::sleep(ms(100)).await;
            let inner = tokio::spawn(async {
                time::sleep(ms(50)).await;
                engine::now()
            });
            let at = inner.await.unwrap();
            to_ours.send(at).unwrap();
            pending::<()>().await;
        });
        assert_eq!(from_theirs.await, Ok(150));
        assert_eq!(engine::now(), 150);
        theirs.abort();
        assert!(theirs.await.unwrap_err().is_cancelled());
        // One is left, and dropped at the end.
        drop(tokio::spawn(pending::<()>()));
    })
    .schedules(200)
    .run();
    assert!(report.passes(), "{report}");
}

#[test]
fn real_task_that_looks_and_yields_comes_to_an_end() {
    let report = explore(|| async {
        let flag = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&flag);
        let theirs = tokio::spawn(async move {
            while !seen.load(Ordering::Relaxed) {
                tokio::task::yield_now().await;
            }
        });
        engine::sleep(20).await;
        flag.store(true, Ordering::Relaxed);
        theirs.await.unwrap();
        assert!((20..1_000).contains(&engine::now()), "{}", engine::now());
    })
    .schedules(4)
    .run();
    assert!(report.passes(), "{report}");
}

#[test]
fn deadlock_beside_real_tasks_is_one_at_its_time() {
    let report = explore(|| async {
        drop(tokio::spawn(pending::<()>()));
        time::sleep(ms(70)).await;
        pending::<()>().await;
    })
    .schedules(3)
    .run();
    let found = &report.counterexamples[0];
    assert_eq!(found.defects[0], Defect::Deadlock, "{report}");
    assert_eq!(found.execution.outcome.virtual_ms, 70, "{report}");
}

#[test]
fn search_with_real_tasks_is_no_certificate() {
    let program = || async {
        let counter = Register::new("counter", 0);
        let of_task = counter.clone();
        tokio::spawn(async move { of_task.set(1) }).await.unwrap();
        assert_eq!(counter.get(), 1);
    };
    for strategy in ["exhaustive", "dfs", "cancellations"] {
        let check = explore(program).strategy(strategy).unwrap().tracked_sharing(TrackedSharing);
        let report = check.run();
        assert!(report.passes(), "{report}");
        let proof = report.proof.as_ref().unwrap();
        assert!(!proof.complete, "{strategy}: {proof}");
        assert!(proof.to_string().contains("another runtime"), "{proof}");
        assert!(said(&report).is_some_and(|(.., has_tasks)| has_tasks), "{report}");
    }
}

#[test]
fn blocking_closures_are_refused_by_name() {
    let own = explore(|| async { tokio::task::spawn_blocking(|| ()).await.unwrap() });
    let report = own.schedules(3).run();
    assert!(message(&report).contains("`spawn_blocking`"), "{report}");
    // A real task gets the panic from tokio, and the program from its handle.
    let theirs = explore(|| async {
        let task = tokio::spawn(async { tokio::task::spawn_blocking(|| ()).await.unwrap() });
        task.await.unwrap();
    });
    let theirs = theirs.schedules(3);
    let report = theirs.run();
    assert_eq!(report.counterexamples[0].defects, [Defect::Panic], "{report}");
    assert!(message(&report).contains("`spawn_blocking`"), "{report}");
    let token = report.counterexamples[0].token().to_string();
    let replayed = theirs.replay(&token).unwrap();
    assert_eq!(replayed.execution.breaches.len(), 1);
}

#[test]
fn without_the_real_tokio_code_that_asks_for_it_panics() {
    let report = explore(|| async { time::sleep(ms(5)).await }).real_tokio(false).run();
    let said = message(&report);
    assert!(said.contains("there is no reactor running"), "{said}");
    assert!(said.contains("real_tokio.rs"), "{said}");
    assert!(said.contains("let the crate mapi-sync-tokio stand in for tokio"), "{said}");
}

#[test]
fn programs_that_never_ask_get_none() {
    let report = explore(|| async { assert!(tokio::runtime::Handle::try_current().is_err()) });
    let report = report.schedules(10).run();
    assert!(report.passes() && said(&report).is_none(), "{report}");
}

struct Store;

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            for message in 1..=3 {
                if session.cancel().is_requested() {
                    return session.done(HResult::MAPI_E_USER_CANCEL).await;
                }
                // As the client of a dependency does.
                let fetched = tokio::spawn(async move {
                    time::sleep(ms(20)).await;
                    message
                });
                let answer = time::timeout(ms(50), fetched).await;
                session.progress(Some("Inbox"), answer.unwrap().unwrap(), 3).await;
            }
            session.done(HResult::S_OK).await
        })
    }
}

#[test]
fn provider_with_the_real_tokio_is_checked() {
    let report = check(|| Store).schedules(300).run();
    assert!(report.passes(), "{report}");
    let (_, uses, has_tasks) = said(&report).expect("a warning");
    assert!(has_tasks);
    let tasks: BTreeSet<&str> = uses.iter().map(|(task, _)| task.as_str()).collect();
    assert!(tasks.contains("sync"), "{uses:?}");
}

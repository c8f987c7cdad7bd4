//! Programs of tokio's under the check of any program, with its default settings.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mapi_sync_sim::{Check, Defect, Report, explore};
use tokio::task::{self, JoinSet};
use tokio::time::{self, Instant};

extern crate mapi_sync_tokio as tokio;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// How long something took, in milliseconds, over the schedules of a check.
fn lengths<F>(
    set_up: impl FnOnce(Check) -> Check,
    program: impl Fn() -> F + Clone + Send + Sync + 'static,
) -> BTreeSet<u128>
where
    F: Future<Output = ()> + 'static,
{
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let lengths = Arc::clone(&seen);
    let check = explore(move || {
        let (program, lengths) = (program.clone(), Arc::clone(&lengths));
        async move {
            let begin = Instant::now();
            program().await;
            lengths.lock().unwrap().insert(begin.elapsed().as_millis());
        }
    });
    let report = set_up(check.schedules(300).jobs(1)).run();
    assert!(report.holds(), "{:?}", messages(&report));
    let seen = seen.lock().unwrap();
    seen.clone()
}

/// What each counterexample says.
fn messages(report: &Report) -> Vec<String> {
    let found = report.counterexamples.iter();
    found.map(|found| found.execution.breach(found.defects[0]).unwrap().message.clone()).collect()
}

#[test]
fn a_sleep_is_work_and_may_be_late() {
    let sleep = || time::sleep(ms(100));
    let seen = lengths(|check| check, sleep);
    assert!(seen.len() > 10 && seen.contains(&100), "{seen:?}");
    assert!(seen.iter().all(|length| (100..=200).contains(length)), "{seen:?}");
    let exact = lengths(|check| check.late_work(false), sleep);
    assert!(exact.into_iter().eq([100]));
}

#[test]
fn a_timeout_is_exact() {
    let seen = lengths(
        |check| check,
        || async {
            time::timeout(ms(100), pending::<()>()).await.unwrap_err();
            time::timeout_at(Instant::now() + ms(50), pending::<()>()).await.unwrap_err();
        },
    );
    assert!(seen.into_iter().eq([150]));
}

#[test]
fn an_interval_is_exact() {
    let seen = lengths(
        |check| check,
        || async {
            let mut ticks = time::interval(ms(30));
            for _ in 0..4 {
                ticks.tick().await;
            }
        },
    );
    assert!(seen.into_iter().eq([90]));
}

#[test]
fn a_sleep_until_a_moment_is_exact() {
    let seen = lengths(|check| check, || time::sleep_until(Instant::now() + ms(70)));
    assert!(seen.into_iter().eq([70]));
}

#[test]
fn a_reset_makes_a_sleep_exact() {
    let seen = lengths(
        |check| check,
        || async {
            let mut sleep = Box::pin(time::sleep(ms(100)));
            sleep.as_mut().reset(Instant::now() + ms(40));
            sleep.await;
        },
    );
    assert!(seen.into_iter().eq([40]));
}

#[test]
fn a_paused_clock_makes_a_sleep_exact() {
    let seen = lengths(
        |check| check,
        || async {
            time::pause();
            time::sleep(ms(100)).await;
            time::advance(ms(20)).await;
        },
    );
    assert!(seen.into_iter().eq([120]));
}

#[test]
fn the_real_tokio_is_told_from_the_stand_in() {
    use tokio::macros::real;

    fn message<F>(program: fn() -> F) -> String
    where
        F: Future<Output = ()> + 'static,
    {
        let check = explore(program).real_tokio(false).schedules(3).shrink(false);
        messages(&check.run()).swap_remove(0)
    }
    // As a dependency does whose manifest was not changed.
    let said = [
        message(|| async { drop(real::spawn(async {})) }),
        message(|| async { real::time::sleep(ms(5)).await }),
        message(|| async { real::time::timeout(ms(5), pending::<()>()).await.unwrap() }),
        message(|| async { _ = real::time::interval(ms(5)).tick().await }),
    ];
    for said in said {
        assert!(said.contains("there is no reactor running"), "{said}");
        assert!(said.contains("let the crate mapi-sync-tokio stand in for tokio"), "{said}");
        // The task, and the place of the call.
        let has_place = said.contains("explored.rs") || said.contains("interval.rs");
        assert!(said.contains("task \"main\"") && has_place, "{said}");
    }
}

#[test]
fn both_tokios_are_in_one_execution() {
    use tokio::macros::real;

    let report = explore(|| async {
        let began = Instant::now();
        let real_began = real::time::Instant::now();
        let (to_ours, mut from_theirs) = tokio::sync::mpsc::channel(1);
        // A dependency's task, which was given one of our senders.
        let theirs = real::spawn(async move {
            for part in 1..=3 {
                real::time::sleep(ms(40)).await;
                to_ours.send(part).await.unwrap();
            }
        });
        let ours = tokio::spawn(async move {
            let mut parts = Vec::new();
            while let Some(part) = from_theirs.recv().await {
                parts.push((part, began.elapsed().as_millis()));
            }
            parts
        });
        assert_eq!(ours.await.unwrap(), [(1, 40), (2, 80), (3, 120)]);
        theirs.await.unwrap();
        let late = time::timeout(ms(30), real::time::sleep(ms(31))).await;
        let in_time = real::time::timeout(ms(30), time::sleep_until(Instant::now() + ms(29)));
        assert!(late.is_err() && in_time.await.is_ok());
        assert_eq!(began.elapsed(), ms(179));
        assert_eq!(real_began.elapsed(), ms(179));
    });
    report.schedules(300).run().assert_holds();
}

async fn joins() {
    let error = tokio::spawn(async { panic!("taken") }).await.unwrap_err();
    assert!(error.is_panic());
    // The error is a result like others: whether the program looks into it is its own affair.
    let _ = tokio::spawn(async { panic!("taken too") }).await;
    let mut set = JoinSet::new();
    set.spawn(async { panic!("taken by a set") });
    assert!(set.join_next().await.unwrap().unwrap_err().is_panic());
}

async fn leaves_the_handle() {
    let task = tokio::spawn(async { panic!("not taken") });
    while !task.is_finished() {
        task::yield_now().await;
    }
}

async fn drops_the_handle() {
    drop(tokio::spawn(async { panic!("not taken") }));
    time::sleep(ms(1)).await;
}

async fn drops_a_set() {
    let mut set = JoinSet::new();
    set.spawn(async { panic!("not taken") });
    time::sleep(ms(1)).await;
}

#[test]
fn a_panic_that_is_joined_is_no_defect() {
    for ends in [false, true] {
        let report = explore(joins).ends_with_main(ends).schedules(300).run();
        assert!(report.holds(), "{:?}", messages(&report));
    }
}

#[test]
fn a_panic_that_nobody_joins_is_a_defect() {
    fn assert_panics<F>(program: fn() -> F)
    where
        F: Future<Output = ()> + 'static,
    {
        for ends in [false, true] {
            let report = explore(program).ends_with_main(ends).schedules(100).fail_fast(true).run();
            let found = report.counterexamples.first().expect("a defect");
            assert_eq!(found.defects[0], Defect::Panic);
            let messages = messages(&report);
            assert!(messages[0].contains("not taken"), "{messages:?}");
            assert!(messages[0].contains("explored.rs"), "{messages:?}");
        }
    }
    assert_panics(leaves_the_handle);
    assert_panics(drops_the_handle);
    assert_panics(drops_a_set);
}

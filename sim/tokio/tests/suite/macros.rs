//! The macros: branches, patterns, conditions, attributes.

use std::collections::BTreeSet;
use std::future::{pending, ready};
use std::time::Duration;

use mapi_sync_engine::decision::Decisions;
use mapi_sync_engine::strategy::{Dfs, Replay};
use mapi_sync_engine::{Engine, Limits};
use tokio::sync::{mpsc, oneshot};
use tokio::time;

use crate::common::{classes, exhaust, once, outside};

#[test]
fn any_branch_that_is_ready_may_come_first() {
    async fn program() -> u32 {
        tokio::select! {
            value = ready(1) => value,
            value = ready(2) => value,
            value = async { 3 } => value,
        }
    }
    let found = exhaust(program);
    assert_eq!(found.classes, 3);
    assert!(found.results.into_keys().eq([1, 2, 3]));
    assert!((1..=3).contains(&outside(program())));
    // The default schedule takes the first.
    let mut engine = Engine::new(Limits::default(), Replay::new(Decisions::default()));
    engine.execute(0, async { assert_eq!(program().await, 1) }).unwrap();
}

#[test]
fn a_biased_select_asks_for_nothing() {
    async fn program() -> u32 {
        tokio::select! {
            biased;
            value = pending() => value,
            value = ready(2) => value,
            value = ready(3) => value,
        }
    }
    let found = exhaust(program);
    assert_eq!((found.classes, found.results.into_keys().collect::<Vec<_>>()), (1, vec![2]));
    assert_eq!(outside(program()), 2);
}

/// Conditions, patterns that do not match, `else`, `?`, `break` and `return` in a branch.
#[test]
fn the_grammar_is_tokios() {
    async fn branches() -> Result<Vec<u32>, oneshot::error::RecvError> {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let (one, mut other) = oneshot::channel();
        sender.send(1).unwrap();
        one.send(2).unwrap();
        drop(sender);
        let mut seen = BTreeSet::new();
        let mut is_waiting = true;
        loop {
            tokio::select! {
                Some(message) = receiver.recv() => {
                    seen.insert(message);
                }
                message = &mut other, if is_waiting => {
                    is_waiting = false;
                    seen.insert(message?);
                },
                else => break,
            }
        }
        let never = tokio::select! {
            _ = pending::<()>(), if false => 0,
            else => 3,
        };
        seen.insert(never);
        loop {
            tokio::select! {
                biased;
                true = ready(false) => continue,
                () = ready(()) => break,
            }
        }
        tokio::select! {
            () = ready(()), if seen.len() > 3 => return Ok(vec![]),
            () = ready(()) => {}
        }
        Ok(seen.into_iter().collect())
    }
    async fn program() -> Vec<u32> {
        branches().await.unwrap()
    }
    assert!(classes(program).results.into_keys().eq([vec![1, 2, 3]]));
    assert_eq!(outside(program()), [1, 2, 3]);
}

#[test]
fn a_timer_and_a_message_race() {
    async fn program() -> &'static str {
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move {
            time::sleep(Duration::from_millis(10)).await;
            let _ = sender.send(());
        });
        tokio::select! {
            _ = receiver => "message",
            () = time::sleep_until(time::Instant::now() + Duration::from_millis(10)) => "timer",
        }
    }
    assert!(exhaust(program).results.into_keys().eq(["message", "timer"]));
    assert!(["message", "timer"].contains(&outside(program())));
}

#[test]
fn joins_wait_for_all() {
    async fn program() -> (u32, u32, Result<(u32, u32), u32>, Result<(u32, u32), u32>) {
        let (one, two) = tokio::join!(ready(1), async {
            tokio::task::yield_now().await;
            2
        });
        let both = tokio::try_join!(ready(Ok::<_, u32>(3)), ready(Ok(4)));
        let first = tokio::try_join!(pending::<Result<u32, u32>>(), ready(Err::<u32, _>(5)));
        (one, two, both, first)
    }
    assert!(exhaust(program).results.into_keys().eq([(1, 2, Ok((3, 4)), Err(5))]));
    assert_eq!(outside(program()), (1, 2, Ok((3, 4)), Err(5)));
}

tokio::task_local! {
    static NUMBER: u32;
}

#[test]
fn each_task_has_its_local() {
    async fn program() -> (u32, u32) {
        let task = |number| {
            NUMBER.scope(number, async {
                tokio::task::yield_now().await;
                NUMBER.get()
            })
        };
        let (first, second) = (tokio::spawn(task(1)), tokio::spawn(task(2)));
        (first.await.unwrap(), second.await.unwrap())
    }
    assert!(exhaust(program).results.into_keys().eq([(1, 2)]));
    assert_eq!(outside(program()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn the_attribute_runs_a_test_on_the_real_tokio() {
    let begin = time::Instant::now();
    tokio::pin! {
        let sleep = time::sleep(Duration::from_secs(60));
    }
    sleep.await;
    assert_eq!(begin.elapsed(), Duration::from_secs(60));
    assert!(!tokio::spawn(async { mapi_sync_engine::is_simulated() }).await.unwrap());
}

#[tokio::main(flavor = "current_thread")]
async fn as_main() -> u32 {
    tokio::task::yield_now().await;
    7
}

#[test]
fn the_attribute_of_main_runs_what_needs_no_other_task() {
    assert_eq!(as_main(), 7);
    assert_eq!(once(1, async { as_main() }).1, Some(7));
}

#[test]
fn a_search_without_reduction_finds_the_branches_too() {
    let mut engine = Engine::new(Limits::default(), Dfs::new());
    let mut executions = 0;
    while engine
        .execute(executions, async {
            tokio::select! {
                () = ready(()) => {}
                () = ready(()) => {}
            }
        })
        .is_some()
    {
        executions += 1;
    }
    assert_eq!(executions, 2);
}

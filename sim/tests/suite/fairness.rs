//! A task that looks, yields and looks again lets the others, and the clock, have a turn.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::engine::sync::Register;
use mapi_sync_sim::engine::{
    self, Budget, ChoicePoint, Decision, End, Engine, Limits, Outcome, Strategy, TaskId,
};
use mapi_sync_sim::strategy::{Dfs, Dpor, Pct, Random, Replay, RoundRobin, TrackedSharing};
use mapi_sync_sim::world::{Faults, Host};
use mapi_sync_sim::{Check, check};

/// One task looks at a flag until another one, after `naps` sleeps, raises it. Counts the looks.
async fn spin(naps: u32, looks: Arc<AtomicU32>) {
    let flag = Register::new("flag", false);
    let raised = flag.clone();
    engine::spawn("spinner", async move {
        while !flag.get() {
            looks.fetch_add(1, Ordering::Relaxed);
            engine::yield_now().await;
        }
    });
    engine::spawn("setter", async move {
        for _ in 0..naps {
            engine::sleep(1_000).await;
        }
        raised.set(true);
    });
}

/// The same with state and a yield that the engine knows nothing of.
async fn spin_by_hand(naps: u32) {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    engine::spawn("spinner", async move {
        while !flag.load(Ordering::Relaxed) {
            let mut yielded = false;
            poll_fn(|cx| {
                if std::mem::replace(&mut yielded, true) {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
    });
    engine::spawn("setter", async move {
        for _ in 0..naps {
            engine::sleep(1_000).await;
        }
        raised.store(true, Ordering::Relaxed);
    });
}

fn ends(outcome: &Outcome) {
    assert_eq!(outcome.end, End::Completed);
    assert!(outcome.steps < 2_000, "{}", outcome.steps);
}

#[test]
fn waiting_for_a_flag_ends_under_every_strategy() {
    for naps in [0, 1, 3] {
        let by_hand = || spin_by_hand(naps);
        let tracked = || spin(naps, Arc::default());
        for seed in 0..20 {
            let limits = Limits::default();
            let engines = [
                Engine::new(limits, Replay::new(Default::default())),
                Engine::new(limits, Random::new(seed)),
                Engine::new(limits, Pct::new(seed, 3)),
                Engine::new(limits, RoundRobin::new(seed)),
                Engine::new(limits, Dfs::new()),
                Engine::new(limits, Dpor::new(TrackedSharing)),
            ];
            for mut engine in engines {
                ends(&engine.execute(seed, tracked()).expect("the first execution runs"));
                let outcome = engine.execute(seed + 1, by_hand()).expect("there are more");
                assert!(matches!(outcome.end, End::Completed | End::Abandoned), "{outcome:?}");
            }
        }
    }
}

#[test]
fn many_tasks_wait_in_turn() {
    let program = || async {
        let flag = Register::new("flag", 0);
        for number in 0..100 {
            let flag = flag.clone();
            engine::spawn("task", async move {
                while flag.get() < 99 - number {
                    engine::yield_now().await;
                }
                flag.update(|count| *count += 1);
            });
        }
    };
    let mut engine = Engine::new(Limits::default(), Replay::new(Default::default()));
    let outcome = engine.execute(0, program()).unwrap();
    assert_eq!(outcome.end, End::Completed);
}

#[test]
fn waiting_for_a_flag_under_a_lock_ends() {
    let program = || async {
        let flag = engine::sync::Mutex::new("flag", false);
        let raised = flag.clone();
        engine::spawn("spinner", async move { while !*flag.lock().await {} });
        engine::spawn("setter", async move {
            engine::sleep(1_000).await;
            *raised.lock().await = true;
        });
    };
    let mut engine = Engine::new(Limits::default(), Replay::new(Default::default()));
    let outcome = engine.execute(0, program()).unwrap();
    assert_eq!((outcome.end, outcome.virtual_ms), (End::Completed, 1_000));
}

#[test]
fn forced_waits_replay() {
    let mut engine = Engine::new(Limits::default(), Random::new(3));
    for index in 0..50 {
        let outcome = engine.execute(index, spin(2, Arc::default())).unwrap();
        engine.repeat(&outcome, spin(2, Arc::default())).unwrap();
    }
}

#[test]
fn task_that_makes_progress_is_never_made_to_wait() {
    let program = || async {
        let count = Register::new("count", 0);
        for _ in 0..2 {
            let count = count.clone();
            engine::spawn("worker", async move {
                for _ in 0..500 {
                    count.update(|count| *count += 1);
                    engine::yield_now().await;
                }
            });
        }
        engine::sleep(1).await;
    };
    let mut engine = Engine::new(Limits::default(), Replay::new(Default::default()));
    ends(&engine.execute(0, program()).unwrap());
    let trace: Vec<usize> =
        engine.trace().filter(|t| *t != TaskId::CLOCK).map(TaskId::index).collect();
    let mut expected = vec![0];
    expected.extend([1; 501]);
    expected.extend([2; 501]);
    expected.push(0);
    assert_eq!(trace, expected);
}

#[test]
fn task_that_nobody_frees_is_a_livelock() {
    let program = || async {
        engine::spawn("spinner", async {
            loop {
                engine::yield_now().await;
            }
        });
        engine::sleep(5).await;
    };
    let limits = Limits::default().with_max_steps(1_000);
    let outcome = Engine::new(limits, Random::new(1)).execute(0, program()).unwrap();
    assert_eq!((outcome.end, outcome.steps), (End::Livelock(Budget::Steps), 1_000));
    // Everybody else had their turn.
    assert_eq!(outcome.virtual_ms, 5);
}

/// The looks and the end of each execution.
fn results(mut engine: Engine, naps: u32) -> BTreeSet<(u32, u64)> {
    let mut results = BTreeSet::new();
    loop {
        let looks = Arc::default();
        let Some(outcome) = engine.execute(0, spin(naps, Arc::clone(&looks))) else {
            return results;
        };
        if outcome.end != End::Abandoned {
            ends(&outcome);
            results.insert((looks.load(Ordering::Relaxed), outcome.virtual_ms));
        }
    }
}

#[test]
fn reduced_search_reaches_all_that_the_naive_one_does() {
    for naps in [0, 1] {
        let naive = results(Engine::new(Limits::default(), Dfs::new()), naps);
        let reduced = results(Engine::new(Limits::default(), Dpor::new(TrackedSharing)), naps);
        // Where the spinner had to wait for the clock, the order of two steps is left.
        let fewest = if naps == 0 { 60 } else { 2 };
        assert!(naive.len() >= fewest, "{}", naive.len());
        assert_eq!(naive, reduced);
    }
}

/// A worker counts its messages; the sync looks, yields and looks again until all are there.
struct Busy {
    pause: Duration,
}

#[async_trait]
impl MapiSync for Busy {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let pause = self.pause;
        request.start(move |session| async move {
            let finished = Arc::new(AtomicBool::new(false));
            let raised = Arc::clone(&finished);
            let _worker = engine::spawn("worker", async move {
                engine::sleep_for(pause).await;
                raised.store(true, Ordering::Relaxed);
            });
            while !finished.load(Ordering::Relaxed) {
                engine::yield_now().await;
            }
            session.done(HResult::S_OK).await
        })
    }
}

#[test]
fn provider_that_looks_and_yields_keeps_the_contract() {
    let undisturbed = |check: Check| check.faults(Faults::default()).host(Host::default());
    for ms in [0, 20] {
        let busy = check(move || Busy { pause: Duration::from_millis(ms) });
        undisturbed(busy).schedules(100).run().assert_holds();
    }
}

/// A strategy that never lets the second task run while others can.
struct Starves;

impl Strategy for Starves {
    fn begin(&mut self, _: u64) -> bool {
        true
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        let starved = TaskId::from_index(2);
        at.ready().iter().find(|task| *task != starved).unwrap_or(starved)
    }

    fn choose(&mut self, _: &ChoicePoint) -> u32 {
        0
    }
}

/// One task counts up until another one, which is starved, has raised a flag.
async fn counts_until(raise: impl Future<Output = ()> + Send + 'static) {
    let (flag, count) = (Register::new("flag", false), Register::new("count", 0));
    let raised = flag.clone();
    engine::spawn("counter", async move {
        while !flag.get() {
            // It makes progress each time, so it need not wait.
            count.update(|count| *count += 1);
            engine::yield_now().await;
        }
    });
    engine::spawn("setter", async move {
        raise.await;
        raised.set(true);
    });
}

#[test]
fn execution_that_a_fair_order_ends_is_no_livelock() {
    let limits = Limits::default().with_max_steps(1_000);
    let mut engine = Engine::new(limits, Starves);
    for (ms, panics) in [(0, 0), (5, 0), (5, 1)] {
        let program = || {
            counts_until(async move {
                engine::sleep(ms).await;
                assert!(panics == 0, "in the rounds");
            })
        };
        let outcome = engine.execute(0, program()).unwrap();
        // A panic keeps the flag down.
        let livelock = End::Livelock(Budget::Steps);
        assert_eq!(outcome.end, if panics == 0 { End::Completed } else { livelock });
        assert_eq!(outcome.panics.len(), panics);
        // The schedule ends where the budget did.
        assert_eq!((outcome.steps, engine.trace().count()), (1_000, 1_000));
        engine.repeat(&outcome, program()).unwrap();
        let decisions = engine.decisions();
        let again = engine.replay(&decisions, program());
        assert_eq!((again.end, again.steps), (outcome.end, outcome.steps));
    }
}

#[test]
fn deadlock_behind_a_starving_order_is_found_as_one() {
    let program = counts_until(async {
        let (_send, receive) = engine::sync::oneshot::<()>("word");
        engine::spawn("waits", async move {
            let _ = receive.await;
        });
    });
    let program = async move {
        program.await;
        let never = engine::sync::Event::new("never");
        never.wait().await;
    };
    let limits = Limits::default().with_max_steps(1_000);
    let outcome = Engine::new(limits, Starves).execute(0, program).unwrap();
    assert!(matches!(outcome.end, End::Deadlock(_)), "{}", outcome.end);
    assert!(outcome.end.to_string().contains("\"never\""), "{}", outcome.end);
}

#[test]
fn rounds_end_where_they_bring_nothing_and_where_they_go_on_for_ever() {
    // A task that nobody frees ends them early, although the budget is large.
    let looks = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&looks);
    let idle = async move {
        loop {
            seen.fetch_add(1, Ordering::Relaxed);
            engine::yield_now().await;
        }
    };
    let limits = Limits::default().with_max_steps(100_000);
    let outcome = Engine::new(limits, Random::new(1)).execute(0, idle).unwrap();
    assert_eq!((outcome.end, outcome.steps), (End::Livelock(Budget::Steps), 100_000));
    let rounds = looks.load(Ordering::Relaxed) - 100_000;
    assert!((400..1_000).contains(&rounds), "{rounds}");
    // A timer in each round is progress, but no end.
    let ticks = async {
        loop {
            engine::sleep(1).await;
        }
    };
    let limits = Limits::default().with_max_steps(500);
    let outcome = Engine::new(limits, Random::new(1)).execute(0, ticks).unwrap();
    assert_eq!((outcome.end, outcome.steps), (End::Livelock(Budget::Steps), 500));
    assert_eq!(outcome.virtual_ms, 500);
}

#[test]
fn search_with_a_budget_that_is_too_small_says_so() {
    let limits = Limits::default().with_max_steps(10);
    for mut engine in
        [Engine::new(limits, Dfs::new()), Engine::new(limits, Dpor::new(TrackedSharing))]
    {
        while let Some(outcome) = engine.execute(0, spin(1, Arc::default())) {
            assert!(matches!(outcome.end, End::Completed | End::Abandoned), "{outcome:?}");
        }
        let proof = engine.proof().unwrap();
        assert!(!proof.complete);
        assert!(proof.to_string().contains("used up their budget of steps"), "{proof}");
    }
}

#[test]
fn loop_that_waits_for_a_time_ends_without_a_timer() {
    for players in [1, 2] {
        let outcome = Engine::new(Limits::default(), Random::new(1))
            .execute(0, async move {
                let wait = || async {
                    while engine::now() < 30 {
                        engine::yield_now().await;
                    }
                };
                let others: Vec<_> = (1..players).map(|_| engine::spawn("looks", wait())).collect();
                wait().await;
                for other in others {
                    other.await.unwrap();
                }
            })
            .unwrap();
        assert_eq!((outcome.end, outcome.virtual_ms), (End::Completed, 30));
    }
}

//! A poll that never returns is named, and ends its check.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::engine;
use mapi_sync_sim::engine::sync::Register;
use mapi_sync_sim::report::{Document, Format, Palette};
use mapi_sync_sim::strategy::TrackedSharing;
use mapi_sync_sim::world::{Faults, Host};
use mapi_sync_sim::{Check, Defect, HangPhase, Report, check};

/// Long for a poll on a busy machine, short for a test.
const LIMIT: Duration = Duration::from_millis(400);

/// Something that a thread blocks on until the test is over.
#[derive(Clone, Default)]
struct Block(Arc<AtomicBool>);

impl Block {
    fn wait(&self) {
        while !self.0.load(Ordering::Relaxed) {
            thread::park_timeout(Duration::from_millis(5));
        }
    }
}

/// Ends the blocking, so that the threads that were left can end.
struct Release(Block);

impl Drop for Release {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// A provider whose sync does this, and then ends.
struct Does<F>(F);

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

#[async_trait]
impl<F> MapiSync for Does<F>
where
    F: Fn() -> Work + Send + Sync,
{
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let work = (self.0)();
        request.start(|session| async move {
            work.await;
            session.done(HResult::E_FAIL).await
        })
    }
}

fn quiet(work: impl Fn() -> Work + Clone + Send + Sync + 'static) -> Check {
    let check = check(move || Does(work.clone())).host(Host::default()).faults(Faults::default());
    check.watchdog(Some(LIMIT)).early_tasks(false).schedules(100).jobs(1)
}

/// Two tasks; the second blocks if it runs before the first has ended.
fn blocks_if_first(block: &Block) -> impl Fn() -> Work + Clone + Send + Sync + 'static {
    let block = block.clone();
    move || {
        let block = block.clone();
        Box::pin(async move {
            let done = Register::new("done", false);
            let first = engine::spawn("first", {
                let done = done.clone();
                async move { done.write(true).await }
            });
            let second = engine::spawn("second", async move {
                if !done.read().await {
                    block.wait();
                }
            });
            let _ended = (first.await, second.await);
        })
    }
}

fn text(report: &Report) -> String {
    let mut all = Vec::new();
    for format in [Format::Human, Format::Json] {
        format.write(&mut all, Document::Check(report), &Palette::PLAIN).unwrap();
    }
    String::from_utf8(all).unwrap()
}

#[test]
fn a_poll_that_never_returns_is_named_with_task_seed_and_schedule() {
    let block = Block::default();
    let _release = Release(block.clone());
    for jobs in [1, 2] {
        let report = quiet(blocks_if_first(&block)).seed(7).jobs(jobs).run();
        let hang = report.hang.as_ref().expect("a poll hangs");
        assert_eq!((&*hang.task, hang.seed, hang.limit), ("second", 7, LIMIT));
        let HangPhase::Schedule(number) = hang.during else { panic!("{:?}", hang.during) };
        assert!(report.holds() && !report.passes() && !report.complete);
        // One thread runs the schedules in their order.
        assert!(jobs > 1 || report.schedules == number, "{} {number}", report.schedules);
        let text = text(&report);
        let schedule = format!("of schedule {}, seed 7", number + 1);
        for said in ["a poll of task `second` did not return within 400ms", &schedule, ".replay("] {
            assert!(text.contains(said), "{said}: {text}");
        }
        let json = format!("\"schedule\": {}", number + 1);
        assert!(text.contains(&json), "{text}");
    }
}

#[test]
fn a_std_lock_held_over_an_await_is_named() {
    let work = || -> Work {
        Box::pin(async {
            let lock = Arc::new(Mutex::new(()));
            let tasks = ["one", "other"].map(|name| {
                let lock = Arc::clone(&lock);
                engine::spawn(name, async move {
                    // Guards of some locks can be kept over an await. This one cannot, so it is
                    // never given back.
                    mem::forget(lock.lock());
                    engine::yield_now().await;
                })
            });
            for task in tasks {
                let _ended = task.await;
            }
        })
    };
    let report = quiet(work).run();
    let hang = report.hang.expect("a poll hangs");
    assert!(["one", "other"].contains(&&*hang.task), "{}", hang.task);
}

#[test]
fn a_receive_that_blocks_is_named() {
    let (sender, receiver) = mpsc::channel::<()>();
    let receiver = Arc::new(Mutex::new(receiver));
    let work = move || -> Work {
        let receiver = Arc::clone(&receiver);
        Box::pin(async move {
            let _end = receiver.lock().unwrap().recv();
        })
    };
    let report = quiet(work).schedules(5).run();
    let hang = report.hang.expect("a poll hangs");
    assert_eq!((&*hang.task, hang.during), ("sync", HangPhase::Schedule(0)));
    assert_eq!(report.schedules, 0);
    drop(sender);
}

#[test]
fn a_drop_that_never_returns_is_named() {
    struct Blocks(Block);
    impl Drop for Blocks {
        fn drop(&mut self) {
            self.0.wait();
        }
    }
    let block = Block::default();
    let _release = Release(block.clone());
    let work = move || -> Work {
        let held = Blocks(block.clone());
        Box::pin(async move {
            let child = engine::spawn("child", async move {
                let _held = held;
                std::future::pending::<()>().await;
            });
            engine::yield_now().await;
            child.abort();
        })
    };
    let report = quiet(work).run();
    assert_eq!(report.hang.expect("a drop hangs").task, "child");
}

#[test]
fn exhaustive_searches_have_a_watchdog_too() {
    let block = Block::default();
    let _release = Release(block.clone());
    let check = quiet(blocks_if_first(&block)).strategy("exhaustive").unwrap();
    for check in [check.clone(), check.tracked_sharing(TrackedSharing)] {
        let report = check.run();
        let hang = report.hang.as_ref().expect("a poll hangs");
        assert_eq!(hang.task, "second");
        assert!(!report.passes() && !report.complete && report.holds());
    }
}

#[test]
fn what_was_found_before_is_shown() {
    let block = Block::default();
    let _release = Release(block.clone());
    let work = move || -> Work {
        let block = block.clone();
        Box::pin(async move {
            if engine::choose("way", 16) == 15 {
                block.wait();
            }
            panic!("otherwise");
        })
    };
    let report = quiet(work).run();
    let hang = report.hang.as_ref().expect("a poll hangs");
    assert_eq!(hang.task, "sync");
    let found: Vec<Defect> =
        report.counterexamples.iter().flat_map(|c| c.defects.clone()).collect();
    assert!(found.contains(&Defect::Panic), "{found:?} {hang}");
    assert!(!report.holds());
}

#[test]
fn a_hang_while_a_counterexample_is_made_smaller_ends_the_check() {
    let block = Block::default();
    let _release = Release(block.clone());
    // The schedule panics, and so do the runs that compare it: as many as `calm` says. Later ones
    // hang.
    let check = |calm: u32| {
        let (runs, block) = (Arc::new(Mutex::new(0)), block.clone());
        let work = move || -> Work {
            let block = block.clone();
            let number = {
                let mut runs = runs.lock().unwrap();
                *runs += 1;
                *runs
            };
            Box::pin(async move {
                if number > calm {
                    block.wait();
                }
                panic!("always");
            })
        };
        quiet(work).early_tasks(false).schedules(1).run()
    };
    let during = |report: &Report| report.hang.as_ref().expect("a poll hangs").during;
    let report = (1..=12)
        .map(check)
        .find(|report| matches!(during(report), HangPhase::Counterexample(_)))
        .expect("the search is over by then");
    let hang = report.hang.as_ref().expect("a poll hangs");
    assert_eq!(hang.during, HangPhase::Counterexample(Defect::Panic));
    assert_eq!(hang.unshown.first(), Some(&Defect::Panic));
    assert!(!report.passes());
    assert!(text(&report).contains("found before, and not shown, for that hung too: panic"));
}

#[test]
fn the_token_of_a_hang_leads_to_the_poll_and_replays_without_a_watchdog() {
    let exhaustive = |check: Check| check.strategy("exhaustive").unwrap();
    assert_eq!(hangs_again(|check| check), 2);
    // The estimate beside a search that ends by itself may hang too.
    assert!(hangs_again(exhaustive) <= 3);
    assert!(hangs_again(move |check| exhaustive(check).tracked_sharing(TrackedSharing)) <= 3);
    assert!(hangs_again(|check| check.strategy("preemptions").unwrap()) <= 3);
}

/// Returns how many executions hung: in the search, and once more for the token.
fn hangs_again(strategy: impl FnOnce(Check) -> Check) -> usize {
    let block = Block::default();
    let _release = Release(block.clone());
    let (enters, entered) = mpsc::channel();
    let enters = Arc::new(Mutex::new(enters));
    let check = {
        let block = block.clone();
        let work = move || -> Work {
            let (block, enters) = (block.clone(), Arc::clone(&enters));
            Box::pin(async move {
                let fails = Arc::new(AtomicU32::new(0));
                let tasks = [1, 10].map(|weight| {
                    let fails = Arc::clone(&fails);
                    engine::spawn("task", async move {
                        engine::yield_now().await;
                        fails.fetch_add(weight * engine::choose("fails", 4), Ordering::Relaxed);
                    })
                });
                for task in tasks {
                    let _ended = task.await;
                }
                if fails.load(Ordering::Relaxed) == 32 && engine::choose("hangs", 2) == 1 {
                    enters.lock().unwrap().send(()).unwrap();
                    block.wait();
                }
            })
        };
        strategy(quiet(work).schedules(10_000))
    };
    let report = check.run();
    let hang = report.hang.expect("a poll hangs");
    let hung = entered.try_iter().count();
    let token = hang.token.expect("it hangs again").to_string();
    let replay = thread::spawn(move || check.replay(&token).unwrap().holds());
    entered.recv_timeout(Duration::from_secs(60)).expect("the replay comes to the poll");
    block.0.store(true, Ordering::Relaxed);
    assert!(replay.join().unwrap());
    hung
}

#[test]
fn without_a_watchdog_a_poll_may_take_its_time() {
    let work = || -> Work { Box::pin(async { thread::sleep(Duration::from_millis(20)) }) };
    let report = quiet(work).watchdog(None).schedules(2).run();
    assert!(report.hang.is_none() && report.passes());
}

//! A new task may run before its `spawn` returns, as on a runtime with several threads.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, RwLock};
use std::task::Poll;
use std::time::Duration;

use futures::StreamExt;
use futures::channel::oneshot;
use futures::stream::FuturesUnordered;
use mapi_sync::contract::Rule;
use mapi_sync::{
    BoxFuture, CallbackRef, HResult, MapiSync, OwnedEvent, RawEvent, SyncRequest, async_trait,
};
use mapi_sync_sim::decision::Kind;
use mapi_sync_sim::world::{Faults, Host};
use mapi_sync_sim::{Check, Counterexample, Defect, Report, check, engine, explore};

use crate::raw::RawSync;

/// When a provider on the raw interface publishes its event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Publishes {
    BeforeSpawn,
    AfterSpawn,
    /// After the spawn, but the worker waits for it.
    AfterSpawnWithWord,
}

struct Raw(Publishes);

/// One Progress and Done.
async fn work(callback: CallbackRef, event: RawEvent, private: OwnedEvent) {
    callback.progress(Some("Inbox"), 1, 1).await;
    callback.done(event, HResult::S_OK).await;
    drop(callback);
    private.set();
}

#[async_trait]
impl MapiSync for Raw {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let RawSync { callback, event, private } = match RawSync::begin(&request) {
            Ok(begun) => begun,
            Err(code) => return code,
        };
        let runtime = Arc::clone(request.runtime());
        let raw = event.into_raw();
        if self.0 == Publishes::BeforeSpawn {
            request.event_out().publish(raw);
        }
        let (published, word) = tokio::sync::oneshot::channel::<()>();
        let waits = self.0 == Publishes::AfterSpawnWithWord;
        let worker = async move {
            if waits {
                let _ = word.await;
            }
            work(callback, raw, private).await;
        };
        let Ok(worker) = runtime.spawn("worker".into(), Box::pin(worker)) else {
            return HResult::E_OUTOFMEMORY;
        };
        worker.detach();
        if self.0 != Publishes::BeforeSpawn {
            request.event_out().publish(raw);
        }
        let _ = published.send(());
        HResult::S_OK
    }
}

fn quiet(check: Check) -> Check {
    check.faults(Faults::default()).host(Host::default()).schedules(2_000)
}

fn raw(publishes: Publishes) -> Check {
    quiet(check(move || Raw(publishes)))
}

fn shown(report: &Report, defect: Defect) -> &Counterexample {
    let shown = report.counterexamples.iter().find(|shown| shown.defects.contains(&defect));
    shown.unwrap_or_else(|| panic!("{defect} was not found: {report}"))
}

#[test]
fn event_published_after_the_spawn_is_found() {
    let report = raw(Publishes::AfterSpawn).run();
    let published = Defect::Rule(Rule::EVENT_PUBLISHED);
    let shown = shown(&report, published);
    // It takes a decision, and no more.
    let kinds: Vec<Kind> =
        shown.decisions.departures().iter().map(|departure| departure.place.kind).collect();
    assert_eq!(kinds, [Kind::Early], "{shown:?}");
    let token = shown.token().to_string();
    for strategy in ["portfolio", "dfs"] {
        let check = raw(Publishes::AfterSpawn).strategy(strategy).unwrap();
        let again = check.replay(&token).unwrap();
        assert_eq!(again.execution.breaches, shown.execution.breaches, "{strategy}");
        assert_eq!(again.left_over, None, "{strategy}");
    }
    assert!(report.to_string().contains("before `spawn` returns"), "{report}");
}

#[test]
fn every_random_strategy_finds_it_and_for_the_others_spawn_returns_first() {
    let check = || raw(Publishes::AfterSpawn);
    for strategy in ["random", "urw", "surw", "paces", "pct", "pos", "round-robin"] {
        let report = check().strategy(strategy).unwrap().run();
        assert!(!report.holds(), "{strategy}");
    }
    for strategy in ["dfs", "delays", "preemptions", "exhaustive"] {
        let report = check().strategy(strategy).unwrap().run();
        report.assert_holds();
        let asked = check().strategy(strategy).unwrap().early_tasks(true).run();
        let proof = asked.proof.as_ref().unwrap().to_string();
        assert!(!asked.holds() && proof.contains("before `spawn` returns"), "{proof}");
    }
    check().early_tasks(false).run().assert_holds();
}

#[test]
fn event_that_a_worker_knows_to_be_published_is_no_defect() {
    raw(Publishes::BeforeSpawn).run().assert_holds();
    raw(Publishes::AfterSpawnWithWord).run().assert_holds();
}

thread_local! {
    static BORROWED: RefCell<u32> = const { RefCell::new(0) };
}

/// What a start holds over its spawn, and its worker takes first.
#[derive(Clone, Copy)]
enum Holds {
    Mutex,
    ReadLock,
    ThreadLocal,
}

struct HoldsOverSpawn(Holds);

#[async_trait]
impl MapiSync for HoldsOverSpawn {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let holds = self.0;
        let (mutex, lock) = (Arc::new(Mutex::new(0)), Arc::new(RwLock::new(0)));
        let (mutex_of_worker, lock_of_worker) = (Arc::clone(&mutex), Arc::clone(&lock));
        let runtime = Arc::clone(request.runtime());
        request.start(move |session| async move {
            let worker: BoxFuture = Box::pin(async move {
                match holds {
                    Holds::Mutex => *mutex_of_worker.lock().unwrap() += 1,
                    Holds::ReadLock => *lock_of_worker.write().unwrap() += 1,
                    Holds::ThreadLocal => BORROWED.with_borrow_mut(|count| *count += 1),
                }
            });
            let spawn = || runtime.spawn("worker".into(), worker);
            let worker = match holds {
                Holds::Mutex => {
                    let held = mutex.lock().unwrap();
                    let worker = spawn();
                    assert_eq!(*held, 0);
                    worker
                }
                Holds::ReadLock => {
                    let held = lock.read().unwrap();
                    let worker = spawn();
                    assert_eq!(*held, 0);
                    worker
                }
                Holds::ThreadLocal => BORROWED.with_borrow_mut(|_| spawn()),
            };
            if let Ok(worker) = worker {
                worker.await;
            }
            session.done(HResult::S_OK).await
        })
    }
}

#[test]
fn lock_that_is_held_over_a_spawn_neither_hangs_nor_is_accused() {
    for holds in [Holds::Mutex, Holds::ReadLock, Holds::ThreadLocal] {
        quiet(check(move || HoldsOverSpawn(holds))).run().assert_holds();
    }
}

#[test]
fn thread_local_that_is_borrowed_over_a_spawn_is_excused_wherever_it_shows() {
    // Nobody looks first whether it can be run so.
    let check = quiet(check(|| HoldsOverSpawn(Holds::ThreadLocal))).early_tasks(true);
    check.run().assert_holds();
}

#[test]
fn lock_that_only_the_search_finds_held_begins_it_again_without_early_tasks() {
    // Nobody looks first whether it can be run so.
    let check = quiet(check(|| HoldsOverSpawn(Holds::Mutex))).early_tasks(true);
    let report = check.schedules(64).watchdog(Some(Duration::from_millis(200))).run();
    report.assert_holds();
    assert!(report.hang.is_none() && report.complete, "{report}");
}

/// A handle that is stored after the spawn, where the worker needs it.
struct StoresItsHandle;

#[async_trait]
impl MapiSync for StoresItsHandle {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let runtime = Arc::clone(request.runtime());
        request.start(move |session| async move {
            let place = Arc::new(Mutex::new(None));
            let (clock, stored) = (Arc::clone(&runtime), Arc::clone(&place));
            let worker = Box::pin(async move {
                let handle: Option<()> = stored.lock().unwrap().take();
                handle.expect("the start has stored it");
                clock.sleep(Duration::from_millis(1)).await;
            });
            let worker = runtime.spawn("worker".into(), worker);
            *place.lock().unwrap() = Some(());
            if let Ok(worker) = worker {
                worker.await;
            }
            session.done(HResult::S_OK).await
        })
    }
}

#[test]
fn worker_that_needs_what_comes_after_its_spawn_is_found() {
    let report = quiet(check(|| StoresItsHandle)).run();
    let breach = shown(&report, Defect::Panic).execution.breach(Defect::Panic).unwrap();
    assert!(breach.message.contains("the start has stored it"), "{}", breach.message);
}

#[test]
fn number_of_jobs_changes_nothing() {
    let run = |jobs| raw(Publishes::AfterSpawn).jobs(jobs).run();
    let (one, four) = (run(1), run(4));
    assert_eq!((one.schedules, one.steps), (four.schedules, four.steps));
    let decisions = |report: &Report| {
        let shown = report.counterexamples.iter();
        shown.map(|shown| shown.decisions.clone()).collect::<Vec<_>>()
    };
    assert_eq!(decisions(&one), decisions(&four));
}

/// Waits for the first of two timers that are due together, and returns the other one.
async fn other_of_two() -> Pin<Box<impl Future<Output = ()> + Send>> {
    let mut sleeps = [engine::sleep(5), engine::sleep(5)].map(Box::pin);
    let first = poll_fn(|cx| {
        let ready = sleeps.iter_mut().position(|sleep| sleep.as_mut().poll(cx).is_ready());
        ready.map_or(Poll::Pending, Poll::Ready)
    });
    let first = first.await;
    let [zeroth, last] = sleeps;
    if first == 0 { last } else { zeroth }
}

#[test]
fn task_that_runs_early_may_take_over_a_timer_that_is_due() {
    let program = || async {
        let other = other_of_two().await;
        engine::Builder::new("other").early().spawn(other).await.expect("it ends");
    };
    explore(program).schedules(2_000).run().assert_holds();
}

#[test]
fn task_that_waits_may_be_sent_a_timer_that_is_due() {
    let program = || async {
        let (send, receive) = oneshot::channel();
        let waits = engine::spawn("waits", async {
            let Ok(timer) = receive.await else { return };
            timer.await;
        });
        assert!(send.send(other_of_two().await).is_ok(), "it waits");
        waits.await.expect("it ends");
    };
    explore(program).schedules(2_000).run().assert_holds();
}

#[test]
fn set_of_futures_may_take_over_a_timer_that_is_due() {
    let program = || async {
        let mut set = FuturesUnordered::new();
        set.push(other_of_two().await);
        set.push(other_of_two().await);
        while set.next().await.is_some() {}
    };
    explore(program).schedules(2_000).run().assert_holds();
}

//! Work of unequal length may end in any order; deadlines and bounds keep their meaning.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::join_all;
use mapi_sync::contract::{Policy, Rule};
use mapi_sync::{BoxFuture, HResult, MapiSync, SyncRequest, SyncSession, async_trait};
use mapi_sync_sim::decision::Kind;
use mapi_sync_sim::world::{Cost, Faults, Host};
use mapi_sync_sim::{Check, Counterexample, Defect, Report, check, engine};

/// A provider whose sync does this.
struct Does<F>(F);

#[async_trait]
impl<F> MapiSync for Does<F>
where
    F: Fn(SyncSession) -> BoxFuture<mapi_sync::SyncDone> + Clone + Send + Sync + 'static,
{
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let work = self.0.clone();
        request.start(move |session| async move { work(session).await })
    }
}

/// The check of a provider whose sync does this, in a host that does not disturb it.
fn quiet<F>(work: F) -> Check
where
    F: Fn(SyncSession) -> BoxFuture<mapi_sync::SyncDone> + Clone + Send + Sync + 'static,
{
    check(move || Does(work.clone()))
        .faults(Faults::default())
        .host(Host::default())
        .schedules(3_000)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Adds one, with an await between reading and writing.
async fn add_one(count: &AtomicU32) {
    let seen = count.load(Ordering::Relaxed);
    engine::yield_now().await;
    count.store(seen + 1, Ordering::Relaxed);
}

/// Two workers sleep, each for its time, and add one each.
async fn two_workers(session: SyncSession, [one, two]: [u64; 2]) -> mapi_sync::SyncDone {
    let count = Arc::new(AtomicU32::new(0));
    let mut workers = Vec::new();
    for length in [one, two] {
        let (count, runtime) = (Arc::clone(&count), Arc::clone(session.runtime()));
        let worker = Box::pin(async move {
            runtime.sleep(ms(length)).await;
            add_one(&count).await;
        });
        workers.push(session.runtime().spawn("worker".into(), worker).unwrap());
    }
    join_all(workers).await;
    assert_eq!(count.load(Ordering::Relaxed), 2, "lost update");
    session.done(HResult::S_OK).await
}

fn shown(report: &Report, defect: Defect) -> &Counterexample {
    let shown = report.counterexamples.iter().find(|shown| shown.defects.contains(&defect));
    shown.unwrap_or_else(|| panic!("{defect} was not found: {report}"))
}

/// The check finds a panic, and its token shows it again.
fn assert_panics(check: &Check) -> Counterexample {
    let report = check.run();
    let shown = shown(&report, Defect::Panic).clone();
    let again = check.replay(&shown.token().to_string()).unwrap();
    assert_eq!(again.execution.breaches, shown.execution.breaches);
    assert_eq!(again.left_over, None);
    shown
}

#[test]
fn unequal_sleeps_do_not_fix_an_order() {
    let check = quiet(|session| Box::pin(two_workers(session, [10, 11])));
    let shown = assert_panics(&check);
    // One millisecond is one of ten per cent: the smallest that helps.
    let late: Vec<u64> = shown
        .decisions
        .departures()
        .iter()
        .filter(|departure| departure.place.kind == Kind::Late)
        .map(|departure| departure.value)
        .collect();
    assert_eq!(late, [1], "{shown:?}");
}

#[test]
fn equal_sleeps_need_no_late_one() {
    let shown = assert_panics(&quiet(|session| Box::pin(two_workers(session, [10, 10]))));
    assert!(!shown.decisions.has_late_work());
}

#[test]
fn searches_that_end_by_themselves_keep_exact_time() {
    let check = quiet(|session| Box::pin(two_workers(session, [10, 11])));
    for strategy in ["dfs", "delays", "preemptions", "exhaustive"] {
        let report = check.clone().strategy(strategy).unwrap().run();
        report.assert_holds();
        assert!(report.complete, "{strategy}");
        let proof = report.proof.unwrap().to_string();
        assert!(!proof.contains("late"), "{proof}");
    }
}

#[test]
fn late_work_can_be_asked_for_and_switched_off() {
    let check = quiet(|session| Box::pin(two_workers(session, [10, 11])));
    check.clone().late_work(false).run().assert_holds();
    let dfs = check.strategy("dfs").unwrap().late_work(true).schedules(100);
    let proof = dfs.run().proof.unwrap().to_string();
    assert!(proof.contains("work late by at most 100 %"), "{proof}");
    assert!(proof.contains("timers of one task that fire one by one"), "{proof}");
}

/// Three branches of one task are due together; the first is to end first.
async fn three_branches(session: SyncSession, deadlines: bool) -> mapi_sync::SyncDone {
    let first = AtomicU32::new(u32::MAX);
    let branches = (0..3).map(|branch| {
        let (runtime, first) = (session.runtime(), &first);
        async move {
            if deadlines { runtime.deadline(ms(10)) } else { runtime.sleep(ms(10)) }.await;
            let _ = first.compare_exchange(u32::MAX, branch, Ordering::Relaxed, Ordering::Relaxed);
        }
    });
    join_all(branches).await;
    assert_eq!(first.into_inner(), 0, "another branch came first");
    session.done(HResult::S_OK).await
}

#[test]
fn due_timers_of_one_task_fire_in_any_order() {
    assert_panics(&quiet(|session| Box::pin(three_branches(session, false))));
    let shown = assert_panics(&quiet(|session| Box::pin(three_branches(session, true))));
    assert_eq!(shown.decisions.len(), 1, "{shown:?}");
}

/// A branch whose timer has not fired is not polled to its end by another one's.
#[test]
fn each_timer_of_a_task_fires_alone() {
    async fn polls(session: SyncSession) -> mapi_sync::SyncDone {
        let together = AtomicU32::new(0);
        let branches = (0..3).map(|_| {
            let (timer, together) = (session.runtime().deadline(ms(10)), &together);
            async move {
                timer.await;
                together.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut all = join_all(branches);
        // How many branches end in each poll of the task.
        let ends = std::future::poll_fn(|cx| {
            let before = together.load(Ordering::Relaxed);
            let poll = std::pin::Pin::new(&mut all).poll(cx);
            assert_ne!(together.load(Ordering::Relaxed) - before, 2, "two at once");
            poll.map(|_| ())
        });
        ends.await;
        session.done(HResult::S_OK).await
    }
    // One, then the two others.
    assert_panics(&quiet(|session| Box::pin(polls(session))));
}

#[test]
fn deadlines_are_exact() {
    async fn keeps_order(session: SyncSession) -> mapi_sync::SyncDone {
        let (runtime, ended) = (Arc::clone(session.runtime()), Arc::new(AtomicU32::new(0)));
        let mut workers = Vec::new();
        for number in 0..3 {
            let (clock, ended) = (Arc::clone(&runtime), Arc::clone(&ended));
            let worker = Box::pin(async move {
                let began = clock.now();
                clock.deadline(ms(10 + number)).await;
                assert_eq!(clock.now() - began, ms(10 + number));
                assert_eq!(u64::from(ended.fetch_add(1, Ordering::Relaxed)), number);
            });
            workers.push(runtime.spawn("worker".into(), worker).unwrap());
        }
        join_all(workers).await;
        session.done(HResult::S_OK).await
    }
    quiet(|session| Box::pin(keeps_order(session))).run().assert_holds();
}

#[test]
fn work_may_miss_its_time_out_and_the_time_out_comes_in_time() {
    async fn with_a_limit(session: SyncSession, limit: u64) -> mapi_sync::SyncDone {
        let began = session.runtime().now();
        let answer = session.timeout(ms(limit), session.sleep(ms(10))).await;
        let took = session.runtime().now() - began;
        assert!(took <= ms(limit), "the time-out is late");
        assert_eq!(answer, Ok(()), "no answer");
        session.done(HResult::S_OK).await
    }
    // Twice as long is the most.
    quiet(|session| Box::pin(with_a_limit(session, 21))).run().assert_holds();
    let shown = assert_panics(&quiet(|session| Box::pin(with_a_limit(session, 15))));
    let breach = shown.execution.breach(Defect::Panic).unwrap();
    assert!(breach.message.contains("no answer"), "{}", breach.message);
}

/// Asks whether to stop, clears up for this time, and says that it did.
async fn clears_up(session: SyncSession, seconds: u64) -> mapi_sync::SyncDone {
    for position in 1..=4 {
        if session.cancel().is_requested() {
            break;
        }
        session.runtime().deadline(ms(1_000)).await;
        session.progress(Some("Inbox"), position, 4).await;
    }
    if !session.cancel().is_requested() {
        return session.done(HResult::S_OK).await;
    }
    session.sleep(ms(1_000 * seconds)).await;
    session.done(HResult::MAPI_E_USER_CANCEL).await
}

#[test]
fn bound_that_only_late_work_breaks_is_kept() {
    let host = Host { cancels: 1, cancel_after: Cost::Fixed(0), ..Host::default() };
    let check = |seconds| {
        quiet(move |session| Box::pin(clears_up(session, seconds)))
            .host(host.clone())
            .policy(Policy::default().with_cancel_within(ms(30_000)))
    };
    check(20).run().assert_holds();
    // An execution that shows something else is not held to the bound either.
    let late = check(29).schedules(300);
    late.run().assert_holds();
    let broken = check(31);
    let report = broken.run();
    let shown = shown(&report, Defect::Rule(Rule::CANCEL_ANSWERED));
    assert!(!shown.decisions.has_late_work());
    let again = broken.replay(&shown.token().to_string()).unwrap();
    assert!(!again.holds());
}

#[test]
fn silence_that_only_late_work_makes_is_no_breach() {
    async fn reports_each(session: SyncSession, seconds: u64) -> mapi_sync::SyncDone {
        for position in 1..=3 {
            session.sleep(ms(1_000 * seconds)).await;
            session.progress(Some("Inbox"), position, 3).await;
        }
        session.done(HResult::S_OK).await
    }
    let check = |seconds| {
        quiet(move |session| Box::pin(reports_each(session, seconds)))
            .policy(Policy::default().with_bounded_silence(ms(60_000)))
    };
    check(59).run().assert_holds();
    let report = check(61).run();
    let shown = shown(&report, Defect::Rule(Rule::BOUNDED_SILENCE));
    assert!(!shown.decisions.has_late_work());
}

/// A defect that needs late work is shown without the bounds that the late work breaks.
#[test]
fn bound_is_not_judged_where_another_defect_needs_late_work() {
    async fn both(session: SyncSession) -> mapi_sync::SyncDone {
        session.progress(Some("Inbox"), 0, 1).await;
        let began = session.runtime().now();
        session.sleep(ms(40_000)).await;
        assert!(session.runtime().now() - began <= ms(61_000), "it took too long");
        session.progress(Some("Inbox"), 1, 1).await;
        session.done(HResult::S_OK).await
    }
    let check = quiet(|session| Box::pin(both(session)))
        .policy(Policy::default().with_bounded_silence(ms(60_000)));
    let shown = assert_panics(&check);
    assert!(shown.decisions.has_late_work());
    assert_eq!(shown.defects, [Defect::Panic]);
}

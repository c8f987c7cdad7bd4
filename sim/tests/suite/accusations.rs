//! Who is accused, and of what: one accusation for one cause.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mapi_sync::contract::{Level, Rule};
use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::world::{Cost, Faults, Host, Scenario, Shutdown};
use mapi_sync_sim::{Check, Defect, ReplayOutcome, Report, check};

/// The steps of a sync, and what it does when a cancel is requested.
#[derive(Clone, Copy)]
enum Style {
    /// Looks before each step, and ends with `MAPI_E_USER_CANCEL`.
    Answers,
    /// Goes on to the end.
    Ignores,
    /// Fails by itself after the first step, without an Error.
    Fails(HResult),
}

struct Steps(Style);

#[async_trait]
impl MapiSync for Steps {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let style = self.0;
        request.start(move |session| async move {
            for step in 1..=3 {
                if matches!(style, Style::Answers) && session.cancel().is_requested() {
                    return session.done(HResult::MAPI_E_USER_CANCEL).await;
                }
                session.sleep(Duration::from_millis(20)).await;
                session.progress(Some("Inbox"), step, 3).await;
                if let Style::Fails(status) = style {
                    return session.done(status).await;
                }
            }
            session.done(HResult::S_OK).await
        })
    }
}

fn cancelling() -> Host {
    Host { cancels: 1, ..Host::default() }
}

fn steps(style: Style, host: Host) -> Check {
    check(move || Steps(style)).faults(Faults::default()).host(host).schedules(500)
}

fn defects(report: &Report) -> Vec<Defect> {
    report.counterexamples.iter().flat_map(|shown| shown.defects.clone()).collect()
}

#[test]
fn slow_host_is_not_held_against_a_provider_that_answers_a_cancel() {
    // In each callback the host takes longer than a cancel may.
    let slow = || Host { callback: Cost::Fixed(40_000), ..cancelling() };
    steps(Style::Answers, slow()).run().assert_holds();
    let scenario = "version = 1\nname = \"slow-host\"\n\
                    [[account]]\nname = \"M\"\nfolders = 1\nmessages = 2\n\
                    flags = [\"DOWNLOAD_CONTENTS\"]\n\
                    [host]\ncancels = 1\ncallback = 40000\n";
    let scenario = Scenario::parse("slow-host.toml", scenario).expect("it is a scenario");
    Check::simulated(scenario).schedules(200).run().assert_holds();
    // A provider that does not answer is found all the same.
    let ignoring = steps(Style::Ignores, slow()).run();
    assert_eq!(defects(&ignoring), [Defect::Rule(Rule::CANCEL_ANSWERED)]);
}

#[test]
fn sync_that_fails_by_itself_while_a_cancel_comes_says_what_failed() {
    steps(Style::Fails(HResult::MAPI_E_DISK_ERROR), cancelling()).run().assert_holds();
    // Where the code says nothing, the session answers the cancel.
    steps(Style::Fails(HResult::E_FAIL), cancelling()).run().assert_holds();
}

/// Three workers beside each other, each with pieces of its own.
struct Workers {
    pieces: u32,
}

#[async_trait]
impl MapiSync for Workers {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let pieces = self.pieces;
        request.start(move |session| async move {
            let done = Arc::new(AtomicU32::new(0));
            let mut workers = Vec::new();
            for _ in 0..3 {
                let (reporter, done) = (session.reporter(), Arc::clone(&done));
                let runtime = Arc::clone(session.runtime());
                let work = Box::pin(async move {
                    for _ in 0..pieces {
                        runtime.sleep(Duration::from_millis(20)).await;
                        let position = done.fetch_add(1, Ordering::Relaxed) + 1;
                        reporter.progress(Some("Inbox"), position, 3 * pieces).await;
                    }
                });
                match session.runtime().spawn("worker".into(), work) {
                    Ok(worker) => workers.push(worker),
                    Err(code) => return session.done(code).await,
                }
            }
            for worker in workers {
                worker.await;
            }
            session.done(HResult::S_OK).await
        })
    }
}

fn workers(pieces: u32) -> Check {
    let faults = Faults::default();
    check(move || Workers { pieces }).faults(faults).host(cancelling()).schedules(500)
}

#[test]
fn each_worker_may_finish_the_piece_at_hand_after_a_cancel() {
    // One piece each: all of them may begin their report after the request.
    workers(1).run().assert_holds();
    let ignoring = workers(2).run();
    assert_eq!(defects(&ignoring), [Defect::Rule(Rule::CANCEL_ANSWERED)]);
    let breach = &ignoring.counterexamples[0].execution.breaches[0];
    assert!(breach.message.contains("one task began 2 calls of Progress"), "{}", breach.message);
    assert!(breach.message.contains("done_or_cancelled"), "{}", breach.message);
}

/// Waits for what never comes.
struct Stuck;

#[async_trait]
impl MapiSync for Stuck {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            session.progress(Some("Inbox"), 1, 2).await;
            std::future::pending::<()>().await;
            session.done(HResult::S_OK).await
        })
    }
}

#[test]
fn deadlock_comes_before_the_done_that_it_keeps_back() {
    let host = Host { shutdown: Shutdown::Released, ..cancelling() };
    let check = check(|| Stuck).faults(Faults::default()).host(host).schedules(200);
    let report = check.run();
    assert_eq!(defects(&report), [Defect::Deadlock, Defect::Rule(Rule::DONE_ONCE)]);
    let shown = &report.counterexamples[0];
    let order: Vec<Defect> = shown.execution.breaches.iter().map(|breach| breach.defect).collect();
    assert_eq!(order, [Defect::Deadlock, Defect::Rule(Rule::DONE_ONCE)]);
    assert!(order.iter().all(|defect| defect.level() == Level::Must));
    let text = report.to_string();
    let place = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words}: {text}"));
    assert!(place("nothing can go on") < place("Done never came"), "{text}");
    // The token names the cause. One that names what follows from it, as older ones do, holds too.
    assert_eq!(shown.token().defect(), Some("deadlock"));
    for token in [shown.token(), shown.token_of(Defect::Rule(Rule::DONE_ONCE))] {
        let replayed = check.replay(&token.to_string()).expect("the token is this check's");
        assert_eq!(replayed.outcome(), ReplayOutcome::Broken);
        assert_eq!(replayed.shows_its_defect(), Some(true));
    }
}

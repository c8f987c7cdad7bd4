//! What an author's provider meets although nobody sets up a host: second syncs, overlapping ones,
//! late cancels, refusals.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mapi_sync::contract::Rule;
use mapi_sync::{
    CallbackRef, HResult, MapiSync, RawEvent, SyncDone, SyncRequest, SyncSession, async_trait,
};
use mapi_sync_sim::engine::{self, Engine, Site};
use mapi_sync_sim::strategy::Random;
use mapi_sync_sim::world::{Faults, Host, Scenario, Swarm, Variation, World};
use mapi_sync_sim::{Check, Defect, Report, check};

use crate::raw::RawSync;

fn defects(report: &Report) -> Vec<Defect> {
    report.counterexamples.iter().flat_map(|shown| shown.defects.clone()).collect()
}

/// Two steps, with a look at the cancel before each.
async fn steps(session: SyncSession) -> SyncDone {
    for step in 1..=2 {
        if session.cancel().is_requested() {
            return session.done(HResult::MAPI_E_USER_CANCEL).await;
        }
        session.sleep(Duration::from_millis(10)).await;
        session.progress(Some("Inbox"), step, 2).await;
    }
    session.done(HResult::S_OK).await
}

/// A store that keeps nothing between its syncs.
struct Correct;

#[async_trait]
impl MapiSync for Correct {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(steps)
    }
}

/// A store that runs one sync at a time.
#[derive(Default)]
struct OneAtATime {
    is_busy: Arc<AtomicBool>,
    /// Whether it lets others run between the look at the flag and the setting of it.
    looks_early: bool,
    /// What it says to a start while a sync runs.
    when_busy: Option<HResult>,
    /// Whether it forgets to take the flag back when a start fails.
    keeps_flag: bool,
}

struct Free(Arc<AtomicBool>);

impl Drop for Free {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

#[async_trait]
impl MapiSync for OneAtATime {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let busy = self.when_busy.unwrap_or(HResult::MAPI_E_BUSY);
        if self.looks_early {
            if self.is_busy.load(Ordering::SeqCst) {
                return busy;
            }
            engine::yield_now().await;
            assert!(!self.is_busy.swap(true, Ordering::SeqCst), "two syncs of one store run");
        } else if self.is_busy.swap(true, Ordering::SeqCst) {
            return busy;
        }
        let free = Free(Arc::clone(&self.is_busy));
        let result = request.start(|session| async move {
            let done = steps(session).await;
            drop(free);
            done
        });
        if self.keeps_flag && result.is_failure() {
            self.is_busy.store(true, Ordering::SeqCst);
        }
        result
    }
}

#[test]
fn correct_stores_hold_under_every_variation() {
    for seed in 1..=3 {
        check(|| Correct).seed(seed).schedules(1_000).run().assert_holds();
        check(OneAtATime::default).seed(seed).schedules(1_000).run().assert_holds();
    }
}

#[test]
fn second_start_that_is_swallowed_is_found() {
    let swallows = || OneAtATime { when_busy: Some(HResult::S_OK), ..OneAtATime::default() };
    let report = check(swallows).schedules(1_000).run();
    assert!(defects(&report).contains(&Defect::Rule(Rule::DONE_ONCE)), "{report:?}");
    // Where the host is the caller's, it does what it says.
    let given = check(swallows).host(Host::default()).faults(Faults::default()).schedules(300);
    given.run().assert_holds();
}

#[test]
fn two_starts_at_once_meet_between_the_look_at_a_flag_and_its_setting() {
    let racy = || OneAtATime { looks_early: true, ..OneAtATime::default() };
    let report = check(racy).schedules(1_000).run();
    assert!(defects(&report).contains(&Defect::Panic), "{report:?}");
    // No document promises that two starts at once work, so it is a matter of policy.
    let text = report.to_string();
    assert!(text.contains("panic (policy)"), "{text}");
    assert!(text.contains("which no document promises (`starts_at_once`)"), "{text}");
    let swarm = Swarm::ALL.without(Variation::StartsAtOnce).without(Variation::Reentrant);
    let report = check(racy).swarm(swarm.without(Variation::OverlapStart)).schedules(500).run();
    assert!(!defects(&report).contains(&Defect::Panic), "{report:?}");
}

/// A store whose syncs share the position at which the last one stopped.
struct KeepsPosition(Arc<AtomicU32>);

#[async_trait]
impl MapiSync for KeepsPosition {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let position = Arc::clone(&self.0);
        request.start(|session| async move {
            for _ in 0..3 {
                if session.cancel().is_requested() {
                    return session.done(HResult::MAPI_E_USER_CANCEL).await;
                }
                session.sleep(Duration::from_millis(10)).await;
                let step = position.fetch_add(1, Ordering::SeqCst) + 1;
                session.reporter().progress(Some("Inbox"), step, 3).await;
            }
            session.done(HResult::S_OK).await
        })
    }
}

/// A store that keeps the callback and the event of one sync: a second start takes the first one's
/// place.
#[derive(Default)]
struct OnePlace(Arc<Mutex<Option<(CallbackRef, RawEvent)>>>);

#[async_trait]
impl MapiSync for OnePlace {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let RawSync { callback, event, private } = match RawSync::begin(&request) {
            Ok(begun) => begun,
            Err(code) => return code,
        };
        let runtime = Arc::clone(request.runtime());
        let (own, place, clock) = (callback, Arc::clone(&self.0), Arc::clone(&runtime));
        let published = event.raw();
        let sync = Box::pin(async move {
            clock.sleep(Duration::from_millis(10)).await;
            let kept = place.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some((callback, published)) = kept {
                callback.done(published, HResult::S_OK).await;
            }
            private.set();
        });
        let place = self.0.lock();
        *place.unwrap_or_else(PoisonError::into_inner) = Some((own, published));
        match runtime.spawn("sync".into(), sync) {
            Ok(sync) => sync.detach(),
            Err(code) => return code,
        }
        request.event_out().publish(event.into_raw());
        HResult::S_OK
    }
}

#[test]
fn state_that_two_syncs_of_a_store_share_is_found() {
    let report = check(|| KeepsPosition(Arc::default())).schedules(1_000).run();
    assert!(!report.holds(), "{report:?}");
    let report = check(OnePlace::default).schedules(1_000).run();
    assert!(defects(&report).contains(&Defect::Rule(Rule::EVENT_SAME)), "{report:?}");
}

#[test]
fn a_refused_duplicate_lets_the_start_fail_and_nothing_else() {
    let report = check(|| Correct).schedules(1_000).run();
    report.assert_holds();
    let refused = report.coverage.counters().find(|(name, _)| *name == "handle_duplication");
    assert!(refused.is_some_and(|(_, count)| count > 30), "{:?}", report.coverage);
}

#[test]
fn what_the_host_did_stands_in_the_token_and_shrinks_to_what_is_needed() {
    let swallows = || OneAtATime { when_busy: Some(HResult::S_OK), ..OneAtATime::default() };
    let check = check(swallows).schedules(1_000);
    let report = check.run();
    let shown = report
        .counterexamples
        .iter()
        .find(|shown| shown.defects.contains(&Defect::Rule(Rule::DONE_ONCE)))
        .expect("it is found");
    let replayed = check.replay(&shown.token().to_string()).expect("it is this check's");
    assert!(replayed.execution.breach(Defect::Rule(Rule::DONE_ONCE)).is_some());
    let events = &shown.execution.events;
    assert!(events.iter().any(|event| event.text.starts_with("of the host: ")), "{events:?}");
    // Two syncs, no more: every other variation went.
    let starts = shown
        .execution
        .calls
        .iter()
        .filter(|seen| matches!(seen.call.call, mapi_sync::contract::Call::Start { .. }));
    assert_eq!(starts.count(), 2, "{report}", report = shown.token());
}

#[test]
fn strategies_that_end_by_themselves_keep_the_host_as_given() {
    let report = check(|| Correct).cancellations().run();
    report.assert_holds();
    assert!(report.complete);
    let overlaps = report.coverage.counters().find(|(name, _)| *name == "overlapping_starts");
    assert_eq!(overlaps, Some(("overlapping_starts", 0)));
}

#[test]
fn scenario_files_vary_their_host_where_they_say_so() {
    let scenario = |host: &str| {
        let text = format!(
            "version = 1\nname = \"swarm\"\n[[account]]\nname = \"M\"\nfolders = 1\n\
             messages = 1\n[host]\n{host}"
        );
        Scenario::parse("swarm.toml", &text).expect("it is a scenario")
    };
    let overlaps = |host: &str| {
        let report = Check::simulated(scenario(host)).schedules(400).run();
        report.assert_holds();
        let mut counters = report.coverage.counters();
        counters.find(|(name, _)| *name == "overlapping_starts").map(|(_, count)| count)
    };
    assert_eq!(overlaps(""), Some(0));
    assert_eq!(overlaps("swarm = [\"more_syncs\"]"), Some(0));
    assert!(overlaps("swarm = [\"overlap_start\"]") > Some(50));
    assert!(overlaps("swarm = true") > Some(50));
}

#[test]
fn a_report_lists_the_rules_that_had_no_chance() {
    let calm = check(|| Correct).host(Host::default()).faults(Faults::default()).schedules(200);
    let report = calm.run();
    report.assert_holds();
    let expected = [
        Rule::NO_CALL_ON_FAILED_START,
        Rule::ERROR_CODE,
        Rule::ERROR_TEXT,
        Rule::STATUS_HONEST,
        Rule::HOST_ERROR_SURVIVED,
        Rule::CANCEL_ANSWERED,
        Rule::SHUTDOWN_DRAINED,
        Rule::SHUTDOWN_STOPS_WORK,
        Rule::SHUTDOWN_QUIET,
        Rule::OVERLAP,
    ];
    assert_eq!(report.vacuous, expected);
    let text = report.to_string();
    assert!(text.contains("no chance to be broken: no-call-on-failed-start (no start failed)"));
    assert!(text.contains("cancel-answered (no cancel was requested)"), "{text}");
    assert!(text.contains("orders are tried between polls, never inside of one"), "{text}");
    // A host that varies gives all of them a chance but what this provider does not have.
    let report = check(|| Correct).schedules(2_000).run();
    let needs_error = [Rule::ERROR_CODE, Rule::ERROR_TEXT, Rule::STATUS_HONEST];
    assert_eq!(report.vacuous[..3], needs_error);
    let needs_interface = [Rule::SHUTDOWN_DRAINED, Rule::SHUTDOWN_STOPS_WORK, Rule::SHUTDOWN_QUIET];
    assert_eq!(report.vacuous[3..], needs_interface);
    // The simulated provider meets everything but the other way to shut down.
    let report = Check::builtin("default").expect("it is there").schedules(2_000).run();
    assert_eq!(report.vacuous, needs_interface[1..]);
}

/// Sleeps for 10 ms in a worker that may be dropped, and notes how long that took; nothing if the
/// worker, or the sync, was dropped.
struct Notes(Arc<Mutex<Vec<Option<u64>>>>);

#[async_trait]
impl MapiSync for Notes {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let notes = Arc::clone(&self.0);
        let place = {
            let mut notes = notes.lock().unwrap();
            notes.push(None);
            notes.len() - 1
        };
        request.start(move |session| async move {
            let began = engine::now();
            let worker = engine::spawn_droppable("worker", engine::work(10));
            let ended = worker.await;
            notes.lock().unwrap()[place] = ended.is_ok().then(|| engine::now() - began);
            session.done(HResult::S_OK).await
        })
    }
}

#[test]
fn nothing_goes_wrong_in_a_calm_last_sync() {
    let text = "version = 1\nname = \"last\"\n[[account]]\nname = \"M\"\n\
                [host]\nswarm = [\"last_sync\"]\n[faults]\ntask_dropped = 9\n";
    let scenario = Scenario::parse("last.toml", text).expect("it is a scenario");
    let notes = Arc::new(Mutex::new(Vec::new()));
    let world = {
        let notes = Arc::clone(&notes);
        World::with_provider(scenario, move |_| Arc::new(Notes(Arc::clone(&notes))))
    };
    let limits = world.limits().with_late_percent(100).with_drops_waiting(true);
    let mut engine = Engine::new(limits, Random::new(5));
    let mut disturbed = [0, 0, 0];
    for index in 0..600 {
        world.run(&mut engine, index).expect("it has no end");
        let taken = std::mem::take(&mut *notes.lock().unwrap());
        let site = Site::new("a last sync without faults").hash();
        let decisions = engine.decisions();
        let mut last = decisions.departures().iter().filter(|taken| taken.place.site == site);
        let value = usize::try_from(last.next().map_or(0, |taken| taken.value)).unwrap();
        assert_eq!(taken.len(), 1 + value.min(1));
        disturbed[value] += u32::from(taken[value.min(1)] != Some(10));
    }
    // A sync that is not the last one, a last one without faults, and a calm last one.
    assert!(disturbed[0] > 50 && disturbed[1] > 50, "{disturbed:?}");
    assert_eq!(disturbed[2], 0);
}

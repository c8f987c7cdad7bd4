//! Providers, tested as their authors would test them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mapi_sync::contract::{Party, Policy, Rule};
use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::world::{Faults, Host};
use mapi_sync_sim::{Check, Defect, LimitChanges, ReplayError, Warning, check};

use crate::raw::RawSync;

/// The store of the read-me.
struct MyStore;

#[async_trait]
impl MapiSync for MyStore {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            for message in 1..=10 {
                if session.cancel().is_requested() {
                    return session.done(HResult::MAPI_E_USER_CANCEL).await;
                }
                session.sleep(Duration::from_millis(20)).await;
                session.progress(Some("Inbox"), message, 10).await;
            }
            session.done(HResult::S_OK).await
        })
    }
}

/// Written on the raw interface, with two mistakes: a worker that nobody waits for, and a Done
/// that a failing callback costs.
struct Careless;

#[async_trait]
impl MapiSync for Careless {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let RawSync { callback, event, private } = match RawSync::begin(&request) {
            Ok(begun) => begun,
            Err(code) => return code,
        };
        let runtime = Arc::clone(request.runtime());
        let worker = callback.clone();
        let clock = Arc::clone(&runtime);
        let last_message = Box::pin(async move {
            clock.sleep(Duration::from_millis(20)).await;
            worker.progress(Some("Inbox"), 2, 2).await;
        });
        request.event_out().publish(event.raw());
        let published = event.into_raw();
        let clock = Arc::clone(&runtime);
        let sync = Box::pin(async move {
            if callback.progress(Some("Inbox"), 1, 2).await.is_failure() {
                return;
            }
            clock.sleep(Duration::from_millis(20)).await;
            callback.done(published, HResult::E_FAIL).await;
            drop(callback);
            private.set();
        });
        match (runtime.spawn("worker".into(), last_message), runtime.spawn("sync".into(), sync)) {
            (Ok(worker), Ok(sync)) => {
                worker.detach();
                sync.detach();
                HResult::S_OK
            }
            _ => HResult::S_OK,
        }
    }
}

fn careless() -> Check {
    check(|| Careless).schedules(2_000)
}

#[test]
fn the_store_of_the_read_me_keeps_the_contract() {
    let report = check(|| MyStore).schedules(3_000).run();
    report.assert_holds();
    assert_eq!((report.schedules, report.complete), (3_000, true));
    assert_eq!(report.warnings, []);
}

#[test]
fn mistakes_are_found_and_replay() {
    let report = careless().run();
    let defects: Vec<Defect> =
        report.counterexamples.iter().flat_map(|shown| shown.defects.clone()).collect();
    for rule in [Rule::DONE_LAST, Rule::HOST_ERROR_SURVIVED, Rule::DONE_ONCE] {
        assert!(defects.contains(&Defect::Rule(rule)), "{rule}: {defects:?}");
        assert_eq!(rule.blame(), Party::Provider);
    }
    for shown in &report.counterexamples {
        let token = shown.token().to_string();
        let again = careless().replay(&token).unwrap();
        for defect in &shown.defects {
            assert_eq!(shown.execution.breach(*defect), again.execution.breach(*defect));
        }
        assert!(matches!(Check::of_token(&token), Err(ReplayError::Provider(_))));
        let other = check(|| Careless).faults(Faults::default());
        assert!(matches!(other.replay(&token), Err(ReplayError::Other { .. })));
        let simulated = Check::builtin("default").unwrap();
        assert!(matches!(simulated.replay(&token), Err(ReplayError::Provider(_))));
    }
}

#[test]
#[should_panic(expected = "done-last (must): the provider is to blame")]
fn a_broken_contract_fails_the_test() {
    check(|| Careless).faults(Faults::default()).host(Host::default()).run().assert_holds();
}

#[test]
fn a_failure_says_how_to_replay_it() {
    let panic = std::panic::catch_unwind(|| careless().run().assert_holds()).unwrap_err();
    let text = panic.downcast_ref::<String>().expect("a text");
    assert!(text.contains(".replay(\"ms2-"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours in a test's output");
}

#[test]
fn a_rule_that_the_policy_lets_go_is_not_held() {
    let mut lenient = Policy::default();
    for rule in Rule::ALL {
        lenient = lenient.without(*rule);
    }
    let strict = check(|| Careless).faults(Faults::default()).host(Host::default()).schedules(200);
    assert!(!strict.clone().run().holds());
    assert!(strict.policy(lenient).run().holds());
}

#[test]
fn what_no_run_can_repeat_is_found_out() {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    /// It remembers how often it was made.
    struct Forgetful(u64);
    #[async_trait]
    impl MapiSync for Forgetful {
        async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
            let naps = self.0 % 3;
            request.start(move |session| async move {
                for _ in 0..naps {
                    session.sleep(Duration::from_millis(1)).await;
                }
                session.done(HResult::E_FAIL).await
            })
        }
    }
    let check = check(|| Forgetful(RUNS.fetch_add(1, Ordering::Relaxed)))
        .faults(Faults::default())
        .host(Host::default());
    let report = check.schedules(10).jobs(1).run();
    let shown = &report.counterexamples[0];
    assert_eq!(shown.defects, [Defect::Nondeterminism]);
    let breach = shown.execution.breach(Defect::Nondeterminism).unwrap();
    assert!(breach.message.contains("run twice under the same decisions"), "{}", breach.message);
}

#[test]
fn a_check_that_meets_nothing_says_so() {
    struct Refusing;
    #[async_trait]
    impl MapiSync for Refusing {
        async fn synchronize_in_background(&self, _: SyncRequest) -> HResult {
            HResult::MAPI_E_NO_SUPPORT
        }
    }
    let check = check(|| Refusing).faults(Faults::default()).host(Host::default()).schedules(300);
    let report = check.run();
    report.assert_holds();
    assert_eq!(
        report.warnings,
        [Warning::OneSchedule, Warning::NoConflict, Warning::NeverExercised("done")]
    );
    let strict = check.strict(true).run();
    assert!(strict.holds() && !strict.passes());
}

#[test]
fn an_endless_provider_is_cut_off() {
    struct Endless;
    #[async_trait]
    impl MapiSync for Endless {
        async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
            request.start(|session| async move {
                loop {
                    session.sleep(Duration::from_millis(1)).await;
                }
            })
        }
    }
    let limits = LimitChanges { max_steps: Some(500), ..LimitChanges::default() };
    let report = check(|| Endless)
        .faults(Faults::default())
        .host(Host::default())
        .limits(limits)
        .schedules(5)
        .run();
    let shown = &report.counterexamples[0];
    let breach = shown.execution.breach(Defect::Livelock).expect("it never ends");
    assert!(breach.message.contains("the budget of steps ran out"), "{}", breach.message);
    assert_eq!(shown.execution.outcome.steps, 500);
    // The token carries the limit.
    let plain = check(|| Endless).faults(Faults::default()).host(Host::default());
    let again = plain.replay(&shown.token().to_string()).unwrap();
    assert_eq!(again.execution.outcome.steps, 500);
}

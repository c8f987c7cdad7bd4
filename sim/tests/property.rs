//! Providers under property tests: hosts are made up, and what fails is shrunk.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::proptest::cases;
use mapi_sync_sim::world::{Faults, NextSync};
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};

/// A provider in good order.
struct Sound;

#[async_trait]
impl MapiSync for Sound {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            for message in 1..=3 {
                if session.cancel().is_requested() {
                    return session.done(HResult::MAPI_E_USER_CANCEL).await;
                }
                session.sleep(Duration::from_millis(5)).await;
                session.progress(None, message, 3).await;
            }
            session.done(HResult::S_OK).await
        })
    }
}

/// The same, deaf to cancels.
struct Deaf;

#[async_trait]
impl MapiSync for Deaf {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            for message in 1..=3 {
                session.sleep(Duration::from_millis(5)).await;
                session.progress(None, message, 4).await;
            }
            session.done(HResult::S_OK).await
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_sound_provider_holds_in_every_host(case in cases()) {
        case.holds_for(|| Sound)?;
    }
}

#[test]
fn a_failure_shrinks_to_a_plain_host() {
    let mut runner = TestRunner::deterministic();
    let failed = runner.run(&cases(), |case| case.holds_for(|| Deaf));
    let Err(TestError::Fail(reason, case)) = failed else { panic!("it never ends what it began") };
    assert!(reason.message().contains("progress-complete"), "{reason}");
    assert_eq!(case.scenario.accounts.len(), 1);
    assert_eq!(case.scenario.faults, Faults::default());
    let host = &case.scenario.host;
    assert_eq!((host.syncs, host.cancels, host.next_sync), (1, 0, NextSync::AfterDone));
    assert!(!host.shutdown && !host.overlap_start && !host.reentrant);
}

/// Blocks in each sync, until all senders are gone.
struct Blocks(Arc<Mutex<mpsc::Receiver<()>>>);

#[async_trait]
impl MapiSync for Blocks {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let receiver = Arc::clone(&self.0);
        request.start(|session| async move {
            let _end = receiver.lock().unwrap().recv();
            session.done(HResult::E_FAIL).await
        })
    }
}

#[test]
fn a_case_that_hangs_is_not_made_smaller() {
    let (sender, receiver) = mpsc::channel();
    let receiver = Arc::new(Mutex::new(receiver));
    let mut runner = TestRunner::deterministic();
    let failed = runner.run(&cases(), |case| {
        let receiver = Arc::clone(&receiver);
        let case = case.with_watchdog(Some(Duration::from_millis(300)));
        case.holds_for(move || Blocks(Arc::clone(&receiver)))
    });
    drop(sender);
    let Err(TestError::Fail(reason, _)) = failed else { panic!("it hangs") };
    assert!(reason.message().contains("a poll of task `sync` did not return"), "{reason}");
}

/// In the process that the test below starts: fails in several cases, by a panic.
#[test]
fn fails_by_assert_holds_when_asked_to() {
    if std::env::var_os("MAPI_SYNC_FAILS").is_none() {
        return;
    }
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20) };
    proptest!(config, |(case in cases())| {
        case.with_schedules(20).check(|| Deaf).run().assert_holds();
    });
}

#[test]
fn assert_holds_prints_its_counterexample_once() {
    let output = std::process::Command::new(std::env::current_exe().expect("this is a program"))
        .args(["--exact", "fails_by_assert_holds_when_asked_to", "--nocapture"])
        .env("MAPI_SYNC_FAILS", "1")
        .output()
        .expect("it starts");
    assert!(!output.status.success());
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).expect("what is printed is UTF-8");
    assert_eq!(said.matches("progress-complete (should): ").count(), 1, "{said}");
}

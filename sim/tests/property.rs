//! Providers under property tests: hosts are made up, and what fails is shrunk.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use std::{env, fs, process};

use mapi_sync::{HResult, MapiSync, SyncRequest, TaskEnd, async_trait};
use mapi_sync_sim::decision::{Kind, Token};
use mapi_sync_sim::engine::{self, sync::Register};
use mapi_sync_sim::proptest::{Case, case_with, cases};
use mapi_sync_sim::world::{Faults, NextSync};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{FileFailurePersistence, RngAlgorithm, TestError, TestRng, TestRunner};

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
    assert!(!host.shutdown.is_possible() && !host.overlap_start && !host.reentrant);
}

/// A folder of the inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Folder {
    name: String,
    messages: u32,
}

fn folders() -> impl Strategy<Value = Vec<Folder>> {
    let folder = ("[a-z]{1,6}", 0..20_u32);
    vec(folder.prop_map(|(name, messages)| Folder { name, messages }), 0..5)
}

/// Counts the folders that are done, in a task for each. If a report fails, it counts in two steps,
/// and another folder may come between them.
struct Counts {
    folders: Vec<Folder>,
}

#[async_trait]
impl MapiSync for Counts {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let folders = self.folders.clone();
        request.start(move |session| async move {
            let done = Register::new("done", 0);
            let all = u32::try_from(folders.len()).unwrap();
            let tasks: Vec<_> = folders
                .into_iter()
                .filter_map(|folder| {
                    let (done, reporter) = (done.clone(), session.reporter());
                    let count = async move {
                        let answer = reporter.progress(Some(&folder.name), 0, 0).await;
                        if answer.is_failure() && answer != HResult::E_UNEXPECTED {
                            let seen = done.read().await;
                            done.write(seen + 1).await;
                        } else {
                            done.modify(|done| *done += 1).await;
                        }
                    };
                    session.runtime().spawn("folder".into(), Box::pin(count)).ok()
                })
                .collect();
            let started = tasks.len();
            let mut finished = 0;
            for task in tasks {
                finished += u32::from(task.await == TaskEnd::Finished);
            }
            if finished == all && started == all as usize {
                assert_eq!(done.get(), all, "a folder is not counted");
            }
            let status = if finished == all { HResult::S_OK } else { HResult::E_FAIL };
            session.done_or_cancelled(status).await
        })
    }
}

fn counts(case: &Case<Vec<Folder>>) -> Result<(), TestCaseError> {
    let folders = case.inputs.clone();
    case.holds_for(move || Counts { folders: folders.clone() })
}

/// How many decisions of each of these kinds a token has: switches, and others.
fn decisions(token: &str) -> (usize, usize) {
    let token: Token = token.parse().unwrap();
    let departures = token.decisions.departures();
    let switches = departures.iter().filter(|of| of.place.kind == Kind::Run).count();
    (switches, departures.len() - switches)
}

#[test]
fn inputs_faults_and_schedule_shrink_to_exactly_what_is_needed() {
    let config =
        ProptestConfig { failure_persistence: None, max_shrink_iters: 1_000, ..Default::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let failed = runner.run(&case_with(folders()), |case| counts(&case));
    let Err(TestError::Fail(reason, case)) = failed else { panic!("a folder is lost") };
    let folder = || Folder { name: "a".to_owned(), messages: 0 };
    assert_eq!(case.inputs, [folder(), folder()], "{reason}");
    assert_eq!(case.scenario.faults, Faults { callback_failure: 1, ..Faults::default() });
    let token = case.token().unwrap();
    assert_eq!(decisions(&token), (1, 1), "{reason}");
    let shown = format!(
        "Case {{ inputs: [Folder {{ name: \"a\", messages: 0 }}, Folder {{ name: \"a\", messages: \
         0 }}], faults.callback_failure: 1, token: {token} }}"
    );
    // proptest draws lengths as numbers of the machine's width. From the first case that 32 bits
    // give, the host keeps a second account: no schedule of one account came from its decisions.
    if cfg!(target_pointer_width = "64") {
        assert_eq!(format!("{case:?}"), shown);
    }
    // The reason is that of the smallest case, explained.
    assert!(reason.message().contains("a folder is not counted"), "{reason}");
    assert!(reason.message().contains("what decides: "), "{reason}");
    let folders = case.inputs.clone();
    let check = case.check(move || Counts { folders: folders.clone() });
    assert!(!check.replay(&token).unwrap().holds());
}

#[test]
fn without_smaller_cases_the_first_one_is_shrunk_and_explained() {
    let config =
        ProptestConfig { failure_persistence: None, max_shrink_iters: 0, ..Default::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let failed = runner.run(&case_with(folders()), |case| counts(&case));
    let Err(TestError::Fail(reason, _)) = failed else { panic!("a folder is lost") };
    assert!(reason.message().contains("what decides: "), "{reason}");
}

#[test]
fn a_programs_inputs_and_schedule_shrink_together() {
    let mut runner = TestRunner::deterministic();
    let failed = runner.run(&case_with(vec(0..9_u32, 0..6)), |case| {
        let adds = case.inputs.clone();
        case.holds_in(move || {
            let adds = adds.clone();
            async move {
                let total = Register::new("total", 0);
                let all = adds.iter().sum::<u32>();
                let tasks: Vec<_> = adds
                    .into_iter()
                    .map(|add| {
                        let total = total.clone();
                        engine::spawn("adder", async move {
                            let seen = total.read().await;
                            total.write(seen + add).await;
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
                assert_eq!(total.get(), all, "an addition is lost");
            }
        })
    });
    let Err(TestError::Fail(reason, case)) = failed else { panic!("an addition is lost") };
    assert_eq!(case.inputs.iter().filter(|add| **add > 0).count(), 1, "{case:?}: {reason}");
    assert_eq!(case.inputs.len(), 2, "{case:?}: {reason}");
    assert_eq!(decisions(&case.token().unwrap()).0, 1, "{reason}");
}

#[test]
fn a_case_that_has_not_failed_shows_what_it_differs_in_and_its_seed() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..20 {
        let case = cases().new_tree(&mut runner).unwrap().current();
        let shown = format!("{case:?}");
        assert!(shown.ends_with(&format!("seed: {} }}", case.seed)), "{shown}");
        assert!(!shown.contains("inputs") && !shown.contains("provider."), "{shown}");
        assert_eq!(shown.contains("host.syncs: 2"), case.scenario.host.syncs == 2, "{shown}");
        assert_eq!(shown.contains("accounts: 2"), case.scenario.accounts.len() == 2, "{shown}");
    }
}

/// The file in which the process of the test below keeps what fails, and how many cases it runs.
const KEPT_IN: &str = "MAPI_SYNC_PROPTEST_KEPT_IN";
const CASES: &str = "MAPI_SYNC_PROPTEST_CASES";

/// In the process that the test below starts.
#[test]
fn keeps_a_case_when_asked_to() {
    let Ok(path) = env::var(KEPT_IN) else { return };
    let cases = env::var(CASES).unwrap().parse().unwrap();
    let persistence = FileFailurePersistence::Direct(path.leak());
    let config = ProptestConfig {
        failure_persistence: Some(Box::new(persistence)),
        max_shrink_iters: 1_000,
        ..ProptestConfig::with_cases(cases)
    };
    let ran = AtomicU32::new(0);
    proptest!(config, |(case in case_with(folders()))| {
        ran.fetch_add(1, Ordering::Relaxed);
        counts(&case)?;
    });
    println!("{} cases were run", ran.load(Ordering::Relaxed));
}

#[test]
fn a_case_that_failed_is_kept_in_the_usual_file_and_replays_from_it() {
    let path = env::temp_dir().join(format!("mapi-sync-proptest-{}.txt", process::id()));
    let run = |cases: &str| {
        let output = process::Command::new(env::current_exe().expect("this is a program"))
            .args(["--exact", "keeps_a_case_when_asked_to", "--nocapture"])
            .env(KEPT_IN, &path)
            .env(CASES, cases)
            .env_remove("PROPTEST_CASES")
            .output()
            .expect("it starts");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).expect("what is printed is UTF-8"))
    };
    let (passed, said) = run("256");
    assert!(!passed, "{said}");
    let kept = fs::read_to_string(&path).unwrap();
    // Without a case of its own, only what is kept is run.
    let (passed, again) = run("0");
    let _ = fs::remove_file(&path);
    assert!(!passed, "{again}");
    let line = |text: &str| {
        let at = text.find("token: ").unwrap_or_else(|| panic!("no token in: {text}"));
        text[at..].split_whitespace().nth(1).unwrap().trim_end_matches(',').to_owned()
    };
    assert_eq!(line(&said), line(&again));
    assert_eq!(line(&kept), line(&said));
    assert!(kept.contains("# shrinks to case = Case { inputs: [Folder {"), "{kept}");
    // What broke is said once.
    assert_eq!(said.matches("a folder is not counted\n").count(), 1, "{said}");
    let (passed, none) = run("0");
    assert!(passed && none.contains("0 cases were run"), "{none}");
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
    if env::var_os("MAPI_SYNC_FAILS").is_none() {
        return;
    }
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20) };
    proptest!(config, |(case in cases())| {
        case.with_schedules(20).check(|| Deaf).run().assert_holds();
    });
}

#[test]
fn assert_holds_prints_its_counterexample_once() {
    let output = process::Command::new(env::current_exe().expect("this is a program"))
        .args(["--exact", "fails_by_assert_holds_when_asked_to", "--nocapture"])
        .env("MAPI_SYNC_FAILS", "1")
        .output()
        .expect("it starts");
    assert!(!output.status.success());
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).expect("what is printed is UTF-8");
    assert_eq!(said.matches("progress-complete (should): ").count(), 1, "{said}");
}

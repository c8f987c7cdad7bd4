//! Checks of programs: what they find, show, certify and replay.

use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::engine::sync::{Mutex, Notify, Register, oneshot};
use mapi_sync_sim::engine::{self, Builder};
use mapi_sync_sim::report::{Document, Format, Palette};
use mapi_sync_sim::strategy::{STRATEGIES, TrackedSharing};
use mapi_sync_sim::{
    BreachPlace, Check, Defect, HangPhase, LimitChanges, ReplayError, ReplayOutcome, Report,
    Warning, Why, explore,
};
use serde_json::Value;

/// The ids of what a report found, in order.
fn found(report: &Report) -> Vec<&'static str> {
    report.counterexamples.iter().flat_map(|shown| &shown.defects).map(|d| d.id()).collect()
}

/// What was found first, in a sentence.
fn message(report: &Report) -> &str {
    report.counterexamples[0].execution.breaches[0].message.as_str()
}

fn token(report: &Report) -> String {
    report.counterexamples[0].token().to_string()
}

fn quick(check: Check) -> Check {
    check.schedules(400).jobs(2)
}

/// An exhaustive check that may run one schedule of each class.
fn classes(check: Check) -> Report {
    check.strategy("exhaustive").unwrap().tracked_sharing(TrackedSharing).jobs(1).run()
}

async fn add(counter: Register<u32>, ms: u64) {
    engine::work(ms).await;
    let seen = counter.read().await;
    counter.write(seen + 1).await;
}

/// Tasks that add to a counter by reading it and writing it back, after work of these lengths.
fn adders<const N: usize>(lengths: [u64; N], is_right: fn(u32) -> bool) -> Check {
    let program = move || async move {
        let counter = Register::new("counter", 0);
        let adder = |ms| engine::spawn("adder", add(counter.clone(), ms));
        for task in lengths.map(adder) {
            task.await.unwrap();
        }
        let sum = counter.get();
        assert!(is_right(sum), "the sum is {sum}");
    };
    explore(program).name("adders")
}

#[test]
fn update_is_lost_between_works_of_unequal_length() {
    let lossy = || quick(adders([10, 11], |sum| sum == 2));
    let report = lossy().run();
    assert_eq!(found(&report), ["panic"]);
    let text = message(&report);
    assert!(text.starts_with("task \"main\" panicked at ") && text.ends_with(": the sum is 1"));
    assert!(matches!(report.counterexamples[0].why, Some(Why::Order { .. })));
    // In exact time, one ends before the other begins.
    lossy().late_work(false).run().assert_holds();
}

#[test]
fn strategies_of_every_kind_lose_the_update() {
    for info in STRATEGIES.iter().filter(|info| !info.drops_tasks()) {
        let check = quick(adders([0, 0], |sum| sum == 2)).with_strategy(info);
        let report = check.fail_fast(true).run();
        assert_eq!(found(&report), ["panic"], "{}", info.name);
    }
}

#[test]
fn two_mutexes_taken_in_opposite_orders_deadlock() {
    let program = || async {
        let (a, b) = (Mutex::new("a", ()), Mutex::new("b", ()));
        let pairs = [(a.clone(), b.clone()), (b, a)];
        let task = |(first, second): (Mutex<()>, Mutex<()>)| {
            engine::spawn("taker", async move {
                let _first = first.lock().await;
                let _second = second.lock().await;
            })
        };
        for task in pairs.map(task) {
            task.await.unwrap();
        }
    };
    let report = quick(explore(program)).run();
    assert_eq!(found(&report), ["deadlock"]);
    let text = message(&report);
    assert!(text.starts_with("nothing can go on: task \"main\" waits for "), "{text}");
    for waits in ["waits for mutex \"a\", at ", "waits for mutex \"b\", at "] {
        assert_eq!(text.matches(waits).count(), 1, "{text}");
    }
    let execution = &report.counterexamples[0].execution;
    assert_eq!(execution.breaches[0].place, BreachPlace::After(execution.steps.len()));
}

#[test]
fn answer_that_is_never_sent_is_a_deadlock() {
    let program = || async {
        let (answer, question) = oneshot::<()>("answer");
        let asks = engine::spawn("asks", async move {
            let _ = question.await;
        });
        asks.await.unwrap();
        drop(answer);
    };
    let report = quick(explore(program)).run();
    assert_eq!(found(&report), ["deadlock"]);
    assert!(message(&report).contains("task \"asks\" waits for "), "{}", message(&report));
    assert!(matches!(report.counterexamples[0].why, Some(Why::EverySchedule { .. })));
}

/// A program that returns while a task of it waits for ever.
fn leaky() -> Check {
    quick(explore(|| async {
        let never = Notify::new("never");
        engine::spawn("waits", async move { never.notified().await });
    }))
}

#[test]
fn task_that_outlives_the_program_is_leaked() {
    let report = leaky().run();
    assert_eq!(found(&report), ["leaked-task"]);
    let text = message(&report);
    assert!(text.starts_with("the program has returned, and task \"waits\" waits for "), "{text}");
    leaky().ends_with_main(true).run().assert_holds();
}

#[test]
fn task_that_ends_after_the_program_is_not_leaked() {
    let program = || async {
        engine::spawn("late", engine::sleep(50));
    };
    quick(explore(program)).run().assert_holds();
}

#[test]
fn program_that_looks_for_what_never_comes_is_a_livelock() {
    let program = || async {
        let flag = Register::new("flag", false);
        while !flag.read().await {
            engine::sleep(1_000).await;
        }
    };
    let limits = LimitChanges { max_virtual_ms: Some(60_000), ..LimitChanges::default() };
    let report = explore(program).limits(limits).schedules(20).run();
    assert_eq!(found(&report), ["livelock"]);
    assert_eq!(message(&report), "livelock: the budget of virtual time ran out");
}

#[test]
fn ticker_that_outlives_the_program_ends_with_it_if_asked() {
    let program = || async {
        engine::spawn("ticker", async {
            loop {
                engine::sleep(1_000).await;
            }
        });
    };
    let limits = LimitChanges { max_virtual_ms: Some(60_000), ..LimitChanges::default() };
    let check = explore(program).limits(limits).schedules(20);
    let report = check.clone().run();
    assert_eq!(found(&report), ["livelock"]);
    assert!(message(&report).contains("after the program has returned"), "{}", message(&report));
    check.ends_with_main(true).run().assert_holds();
}

#[test]
fn program_that_waits_for_a_task_deadlocks_even_if_it_ends_with_main() {
    let program = || async {
        let task = engine::spawn("waits", pending());
        task.await.unwrap();
    };
    let report = quick(explore(program)).ends_with_main(true).run();
    assert_eq!(found(&report), ["deadlock"]);
    for task in ["task \"main\"", "task \"waits\""] {
        assert!(message(&report).contains(task), "{}", message(&report));
    }
}

#[test]
fn order_of_an_end_with_main_is_searched_exhaustively() {
    // Whether the other task panics before the main one returns is no use of an object.
    let program = || async {
        engine::spawn("panics", async {
            engine::yield_now().await;
            panic!("in time");
        });
        engine::yield_now().await;
    };
    let report = classes(explore(program).ends_with_main(true));
    assert_eq!(found(&report), ["panic"]);
    assert!(report.complete);
}

#[test]
fn error_that_the_program_returns_is_found() {
    let program = || async {
        let full = Register::new("full", false);
        let setter = full.clone();
        let fills = engine::spawn("fills", async move { setter.write(true).await });
        let refused = full.read().await;
        fills.await.unwrap();
        if refused {
            // A task that waits for ever after an error follows from it.
            engine::spawn("left", pending());
            return Err("refused");
        }
        Ok(())
    };
    let report = classes(explore(program));
    assert_eq!(found(&report), ["error"]);
    let shown = &report.counterexamples[0];
    assert_eq!(message(&report), "the program returned the error \"refused\"");
    let BreachPlace::At(place) = shown.execution.breaches[0].place else { panic!("a step") };
    let seen = &shown.execution.steps[place];
    assert_eq!(shown.execution.task_of_step(seen), "main");
    assert!(seen.is_last);
}

#[test]
fn panic_of_a_spawned_task_is_named() {
    let program = || async {
        let task = engine::spawn("fragile", async {
            engine::note("about to break");
            panic!("broken");
        });
        assert!(task.await.is_err());
    };
    let report = quick(explore(program)).run();
    assert_eq!(found(&report), ["panic"]);
    assert!(message(&report).starts_with("task \"fragile\" panicked at "), "{}", message(&report));
    let execution = &report.counterexamples[0].execution;
    assert_eq!(execution.events.len(), 1);
    assert_eq!(execution.events[0].text, "note: about to break");
    assert_eq!(execution.events[0].task, "fragile");
}

#[test]
fn writers_have_one_class_for_each_of_their_orders() {
    let mut factorial = 1;
    for writers in 1..=5 {
        factorial *= writers;
        let program = move || async move {
            let last = Register::new("last", 0);
            let tasks = (0..writers).map(|n| {
                let last = last.clone();
                engine::spawn("writer", async move { last.write(n).await })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
            assert!(last.get() < writers);
        };
        let report = classes(explore(program));
        report.assert_holds();
        let proof = report.proof.unwrap();
        assert!(report.complete && proof.complete);
        assert_eq!(proof.count, factorial, "{writers} writers");
    }
}

#[test]
fn without_a_word_on_sharing_every_schedule_is_run() {
    let yields = || async {
        engine::spawn("other", engine::yield_now());
        engine::yield_now().await;
    };
    let reduced = classes(explore(yields));
    let every = explore(yields).strategy("exhaustive").unwrap().run();
    assert_eq!(reduced.proof.unwrap().count, 1);
    assert!(every.proof.unwrap().count > 1);
}

#[test]
fn each_await_of_a_droppable_task_is_one_more_case() {
    for awaits in 1..6_u64 {
        let program = move || async move {
            let work = async move {
                for _ in 0..awaits {
                    engine::sleep(1).await;
                }
            };
            let task = engine::spawn_droppable("worker", work);
            let _ = task.await;
        };
        let report = explore(program).cancellations().run();
        report.assert_holds();
        assert!(report.complete);
        let proof = report.proof.unwrap();
        assert_eq!(first_phase(&proof.to_string()), awaits + 1, "{proof}");
    }
}

/// The number that a proof begins with.
fn first_phase(proof: &str) -> u64 {
    let digits: String = proof
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().unwrap()
}

/// A task that is dropped leaves a flag behind.
fn flagged() -> Check {
    quick(explore(|| async {
        let busy = Register::new("busy", false);
        let flag = busy.clone();
        let task = engine::spawn_droppable("worker", async move {
            flag.write(true).await;
            engine::sleep(5).await;
            flag.write(false).await;
        });
        let _ = task.await;
        assert!(!busy.get(), "still busy");
    }))
}

#[test]
fn tasks_are_dropped_only_if_asked() {
    flagged().run().assert_holds();
    for check in [flagged().drops(1), flagged().cancellations()] {
        let report = check.run();
        assert_eq!(found(&report), ["panic"]);
        assert!(message(&report).ends_with("still busy"), "{}", message(&report));
        // The token knows that drops were asked for.
        let replayed = flagged().replay(&token(&report)).unwrap();
        assert_eq!(replayed.outcome(), ReplayOutcome::Broken);
    }
}

#[test]
fn drops_of_a_program_that_has_none_droppable_are_never_exercised() {
    let program = || async {
        engine::spawn("worker", engine::sleep(5)).await.unwrap();
    };
    let report = quick(explore(program)).drops(1).run();
    assert!(report.warnings.contains(&Warning::NeverExercised("task_dropped")));
}

#[test]
fn program_without_a_choice_says_so() {
    let report = quick(explore(|| async { engine::sleep(5).await })).run();
    assert_eq!(report.warnings, [Warning::OneSchedule, Warning::NoConflict]);
    assert!(report.vacuous.is_empty());
    assert!(report.passes());
    let strict = quick(explore(|| async { engine::sleep(5).await })).strict(true).run();
    assert!(!strict.passes());
}

#[test]
fn tokens_are_broken_mended_or_no_longer_apply() {
    let lossy = || quick(adders([10, 11], |sum| sum == 2));
    let token = token(&lossy().run());
    let broken = lossy().replay(&token).unwrap();
    assert_eq!(broken.outcome(), ReplayOutcome::Broken);
    assert_eq!(broken.shows_its_defect(), Some(true));

    let mended = quick(adders([10, 11], |sum| sum <= 2)).replay(&token).unwrap();
    assert_eq!(mended.outcome(), ReplayOutcome::Mended);
    assert!(mended.to_string().contains("nothing went wrong"), "{mended}");

    let other = quick(adders([10], |sum| sum == 1));
    let stale = other.replay(&token).unwrap();
    assert_eq!(stale.outcome(), ReplayOutcome::NoLongerApplies);
    let searched = other.replay_or_search(&token).unwrap();
    searched.assert_holds();
    assert_eq!(searched.search.unwrap().schedules, 400);
}

struct Store;

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move { session.done(HResult::E_FAIL).await })
    }
}

#[test]
fn tokens_of_programs_and_of_providers_are_kept_apart() {
    let program = token(&quick(adders([10, 11], |sum| sum == 2)).run());
    let own = "your own program `adders`";
    let refused =
        [mapi_sync_sim::check(|| Store).replay(&program).err(), Check::of_token(&program).err()];
    for refused in refused {
        assert!(matches!(refused, Some(ReplayError::Program(_))), "{refused:?}");
        assert!(refused.unwrap().to_string().contains(own));
    }
    let provider = mapi_sync_sim::check(|| Store).subject().token(Default::default()).to_string();
    let refused = explore(|| async {}).replay(&provider).err();
    assert!(matches!(refused, Some(ReplayError::Provider(_))), "{refused:?}");
}

#[test]
fn number_of_jobs_changes_nothing() {
    let run = |jobs| {
        let report = adders([10, 11, 12], |sum| sum == 3).schedules(1_000).jobs(jobs).run();
        let shown: Vec<String> = report.counterexamples.iter().map(|s| format!("{s:?}")).collect();
        (report.schedules, report.steps, shown)
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn what_a_program_keeps_from_one_execution_to_the_next_is_noticed() {
    let count = Arc::new(AtomicU32::new(0));
    let report = quick(explore(move || {
        let count = Arc::clone(&count);
        async move {
            if count.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                engine::sleep(1).await;
            }
            engine::sleep(1).await;
        }
    }))
    .run();
    assert_eq!(found(&report), ["nondeterminism"]);
    let text = message(&report);
    assert!(text.starts_with("run twice under the same decisions, the executions part at step "));
    assert!(!text.contains("calls"), "{text}");
}

#[test]
fn main_future_need_not_be_send() {
    let program = || async {
        let shared = Rc::new(1);
        engine::spawn("other", engine::yield_now()).await.unwrap();
        assert_eq!(Rc::strong_count(&shared), 1);
    };
    quick(explore(program)).run().assert_holds();
}

#[test]
fn main_future_is_dropped_where_it_was_made() {
    /// Not `Send`, and made anew for each execution.
    struct Probe(Rc<()>, Arc<AtomicU32>);
    impl Drop for Probe {
        fn drop(&mut self) {
            assert_eq!(Rc::strong_count(&self.0), 1);
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicU32::new(0));
    let made = Arc::new(AtomicU32::new(0));
    let counts = (Arc::clone(&made), Arc::clone(&dropped));
    let program = move || {
        let (made, dropped) = counts.clone();
        async move {
            made.fetch_add(1, Ordering::Relaxed);
            let _probe = Probe(Rc::new(()), dropped);
            pending::<()>().await;
        }
    };
    let report = quick(explore(program)).run();
    assert_eq!(found(&report), ["deadlock"]);
    let (made, dropped) = (made.load(Ordering::Relaxed), dropped.load(Ordering::Relaxed));
    assert!(made >= 400);
    assert_eq!(dropped, made);
}

#[test]
fn thread_outside_makes_the_check_incomplete() {
    let program = || async {
        let (sender, mut receiver) = futures::channel::oneshot::channel();
        assert!(futures::poll!(&mut receiver).is_pending());
        let thread = thread::spawn(move || sender.send(()));
        thread.join().unwrap().unwrap();
        receiver.await.unwrap();
    };
    let report = explore(program).schedules(2).jobs(1).run();
    assert!(report.counterexamples.is_empty(), "{report}");
    assert!(report.warnings.iter().any(Warning::is_incomplete), "{report}");
    assert!(!report.to_string().contains("provider"), "{report}");
}

#[test]
fn poll_that_never_returns_is_named() {
    let released = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&released);
    let program = move || {
        let released = Arc::clone(&seen);
        async move {
            engine::yield_now().await;
            while !released.load(Ordering::Relaxed) {
                thread::park_timeout(Duration::from_millis(5));
            }
        }
    };
    let report =
        explore(program).watchdog(Some(Duration::from_millis(400))).schedules(5).jobs(1).run();
    released.store(true, Ordering::Relaxed);
    let hang = report.hang.as_ref().unwrap();
    assert_eq!((hang.task.as_str(), hang.step), ("main", 1));
    assert_eq!(hang.during, HangPhase::Schedule(0));
    assert!(!report.passes());
}

#[test]
fn tasks_run_before_their_spawn_returns_unless_they_cannot() {
    /// Right only if the spawned task runs after the `spawn`.
    async fn spawns() {
        let ready = Register::new("ready", false);
        let seen = ready.clone();
        let task = Builder::new("early").early().spawn(async move {
            assert!(seen.get(), "too early");
        });
        ready.set(true);
        task.await.unwrap();
    }
    let report = quick(explore(spawns)).run();
    assert_eq!(found(&report), ["panic"]);
    quick(explore(spawns)).early_tasks(false).run().assert_holds();
}

#[test]
fn faults_of_the_program_strike() {
    let program = || async {
        for _ in 0..8 {
            assert!(!engine::fault("disk"), "the disk is full");
        }
    };
    let report = quick(explore(program)).run();
    assert_eq!(found(&report), ["panic"]);
    let Some(Why::Decision { what, .. }) = &report.counterexamples[0].why else {
        panic!("a decision decides")
    };
    assert_eq!(what, "the fault disk strikes `main`");
}

#[test]
fn what_concerns_a_host_changes_nothing() {
    let scenario = mapi_sync_sim::world::builtin("default").unwrap().clone();
    let check = explore(|| async {}).host(scenario.host.clone()).faults(scenario.faults.clone());
    let check = check.in_scenario(scenario);
    assert_eq!(check.subject(), explore(|| async {}).subject());
}

/// A report with the real times taken out.
fn timeless(mut report: Report) -> Report {
    report.elapsed = Duration::ZERO;
    report.jobs = 1;
    report
}

fn json(document: Document<'_>) -> Value {
    let mut text = Vec::new();
    Format::Json.write(&mut text, document, &Palette::PLAIN).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// A program of few steps, which goes wrong if the guest comes first.
fn inn() -> Check {
    explore(|| async {
        let rooms = Mutex::new("rooms", 1);
        let of_guest = rooms.clone();
        let guest = engine::spawn("guest", async move {
            engine::work(5).await;
            *of_guest.lock().await -= 1;
            engine::note("the guest is in");
        });
        engine::work(5).await;
        let left = *rooms.lock().await;
        guest.await.map_err(|_| "no guest")?;
        if left == 0 { Err("no room") } else { Ok(()) }
    })
    .name("inn")
    .schedules(100)
}

#[test]
fn report_in_words_shows_steps_objects_and_notes() {
    let text = timeless(inn().run()).to_string();
    let words = ["provider", "contract", "calls", "account", "host", "rule had", "blame"];
    assert!(words.iter().all(|word| !text.contains(word)), "{text}");
    let golden = include_str!("programs_reports/inn.txt");
    assert_eq!(text, golden, "{text}");
}

#[test]
fn report_in_json_shows_steps_objects_and_notes() {
    let report = timeless(inn().run());
    let found = json(Document::Check(&report));
    let golden: Value = serde_json::from_str(include_str!("programs_reports/inn.json")).unwrap();
    assert_eq!(found, golden, "{found:#}");
    let replayed = inn().replay(&token(&report)).unwrap();
    let again = json(Document::Replay(&replayed));
    assert_eq!(again["kind"], "program");
    assert_eq!(again["timeline"], golden["violations"][0]["timeline"]);
}

#[test]
fn defects_keep_their_names() {
    let names = [Defect::Error.id(), Defect::LeakedTask.id()];
    assert_eq!(names, ["error", "leaked-task"]);
}

/// Never ends.
async fn spin() {
    loop {
        engine::yield_now().await;
    }
}

#[test]
fn search_whose_schedules_all_livelock_ends_and_says_so() {
    let always = || async {
        engine::choose("value", 64);
        spin().await;
    };
    for strategy in ["pct", "dfs"] {
        let check = explore(always).strategy(strategy).unwrap().shrink(false);
        let one = check.clone().jobs(1).run();
        let two = check.jobs(2).run();
        assert_eq!(found(&one), ["livelock"], "{strategy}");
        assert_eq!((one.schedules, one.steps), (two.schedules, two.steps), "{strategy}");
        // Four use 400,000 steps.
        assert_eq!(one.schedules, 4);
        assert!(!one.complete && one.warnings.contains(&Warning::Livelocks(4)), "{one}");
        let words = "the search ended early: 4 schedules used up their budget of steps";
        assert!(one.to_string().contains(words), "{one}");
    }
}

/// Spins for ever in one of this many schedules.
fn spins_in_one_of(schedules: u32) -> Check {
    explore(move || async move {
        let spins = engine::choose("spins", schedules) + 1 == schedules;
        if spins {
            spin().await;
        }
    })
    .shrink(false)
}

#[test]
fn few_livelocks_end_no_search() {
    let limits = LimitChanges { max_steps: Some(2_000), ..LimitChanges::default() };
    let report = spins_in_one_of(3).limits(limits).schedules(1_000).run();
    assert_eq!(found(&report), ["livelock"]);
    assert!(report.complete && report.schedules == 1_000, "{report}");
}

#[test]
fn tasks_that_are_left_in_the_background_are_no_difference() {
    let program = || async {
        drop(Builder::new("left").background().spawn(pending()));
        engine::yield_now().await;
    };
    // Only some strategies have the drops at the end as steps.
    for strategy in ["exhaustive", "dfs", "portfolio", "pos"] {
        let check = explore(program).strategy(strategy).unwrap().tracked_sharing(TrackedSharing);
        let report = if strategy.starts_with('p') { quick(check).run() } else { check.run() };
        assert!(report.passes(), "{strategy}: {report}");
        assert!(report.repeated > 0, "{strategy}");
    }
}

//! Providers with threads, runtimes and clocks of their own: what the check does not control is
//! named, and nobody is blamed for it.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, mpsc};
use std::task::{Context, Poll, Wake};
use std::thread;
use std::time::{Duration, Instant};

use mapi_sync::{HResult, MapiSync, SyncDone, SyncRequest, SyncSession, async_trait};
use mapi_sync_sim::engine::{self, End, Engine, Limits};
use mapi_sync_sim::report::{Document, Format, Palette};
use mapi_sync_sim::strategy::Random;
use mapi_sync_sim::world::{Faults, Host};
use mapi_sync_sim::{Check, Defect, ReplayOutcome, Report, Warning, check};
use tokio::sync::oneshot;

/// The provider whose sync is this function.
struct Store<F>(F);

#[async_trait]
impl<F, S> MapiSync for Store<F>
where
    F: Fn(SyncSession) -> S + Copy + Send + Sync + 'static,
    S: Future<Output = SyncDone> + Send + 'static,
{
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(self.0)
    }
}

fn store<S>(sync: fn(SyncSession) -> S) -> Check
where
    S: Future<Output = SyncDone> + Send + 'static,
{
    check(move || Store(sync)).schedules(200)
}

fn text(report: &Report) -> String {
    let mut text = Vec::new();
    Format::Human
        .write(&mut text, Document::Check(report), &Palette::PLAIN)
        .expect("memory takes everything");
    String::from_utf8(text).expect("reports are UTF-8")
}

async fn finish(session: SyncSession) -> SyncDone {
    session.done_or_cancelled(HResult::S_OK).await
}

/// The answer of a thread, a millisecond after somebody began to wait for it.
fn ask_thread() -> Asked {
    let (answer, answered) = oneshot::channel();
    let (waits, waited) = mpsc::channel::<()>();
    thread::spawn(move || {
        // Comes when the other side is dropped.
        let _waits = waited.recv();
        thread::sleep(Duration::from_millis(1));
        let _gone = answer.send(7);
    });
    Asked { answered, waits: Some(waits) }
}

struct Asked {
    answered: oneshot::Receiver<u32>,
    waits: Option<mpsc::Sender<()>>,
}

impl Future for Asked {
    type Output = Result<u32, oneshot::error::RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = Pin::new(&mut self.answered).poll(cx);
        drop(self.waits.take());
        polled
    }
}

fn names_thread(report: &Report) -> bool {
    report.warnings.iter().any(|warning| matches!(warning, Warning::OutsideThread { .. }))
}

fn assert_incomplete(report: &Report) {
    let text = text(report);
    assert!(!report.is_broken(), "{text}");
    assert!(names_thread(report), "{text}");
    assert!(!report.holds() && !report.passes() && !report.complete);
    assert!(text.contains("thread that the check does not control"), "{text}");
    assert!(!text.contains("the contract held"), "{text}");
}

#[test]
fn answer_of_a_thread_makes_the_check_incomplete() {
    let check = store(|session| async move {
        ask_thread().await.expect("the thread answers");
        finish(session).await
    });
    let report = check.run();
    assert_incomplete(&report);
    assert!(text(&report).contains("task \"sync\" waits"), "{}", text(&report));
    for jobs in [1, 2] {
        assert_incomplete(&check.clone().jobs(jobs).run());
    }
}

#[test]
fn thread_that_answers_while_the_task_is_at_its_timeout_is_named() {
    // The virtual time runs on without the thread: no bound that passes meanwhile is broken.
    let check = store(|session| async move {
        let mut answer = ask_thread();
        loop {
            let nap = std::pin::pin!(session.sleep(Duration::from_millis(50)));
            let either = futures::future::select(&mut answer, nap).await;
            if let futures::future::Either::Left(_) = either {
                break;
            }
        }
        finish(session).await
    });
    assert_incomplete(&check.schedules(3).run());
}

#[test]
fn pool_of_threads_is_named() {
    // As a pool of workers answers: one thread serves the jobs of all tasks.
    let check = store(|session| async move {
        let (jobs, queue) = mpsc::channel::<oneshot::Sender<u32>>();
        thread::spawn(move || {
            for job in queue {
                let _gone = job.send(1);
            }
        });
        for _ in 0..3 {
            let (answer, answered) = oneshot::channel();
            jobs.send(answer).expect("the thread serves");
            // The thread may answer before the task waits: no wake comes then.
            session.sleep(Duration::from_millis(1)).await;
            answered.await.expect("the thread answers");
        }
        ask_thread().await.expect("the thread answers");
        finish(session).await
    });
    assert_incomplete(&check.run());
}

#[test]
fn defect_beside_a_thread_is_found_all_the_same() {
    let check = store(|session| async move {
        drop(engine::spawn("wrong", async { panic!("on purpose") }));
        ask_thread().await.expect("the thread answers");
        finish(session).await
    });
    let report = check.run();
    let defects: Vec<&str> =
        report.counterexamples.iter().flat_map(|c| &c.defects).map(|d| d.id()).collect();
    assert_eq!(defects, ["panic"], "{}", text(&report));
    assert!(names_thread(&report));
}

#[test]
fn deadlock_that_no_thread_ends_stands_after_one_wait() {
    let check = store(|session| async move {
        // Somebody has the waker, but nobody ever wakes.
        let (_kept, never) = oneshot::channel::<u32>();
        let _cancelled = never.await;
        finish(session).await
    });
    let began = Instant::now();
    let report = check.schedules(1_000).run();
    let elapsed = began.elapsed();
    assert!(elapsed >= Duration::from_secs(1), "{elapsed:?}");
    assert!(elapsed < Duration::from_secs(30), "{elapsed:?}");
    let defects = &report.counterexamples[0].defects;
    assert!(defects.contains(&Defect::Deadlock), "{}", text(&report));
    assert!(!names_thread(&report));
    assert!(text(&report).contains("No thread woke it within a second"), "{}", text(&report));
}

#[test]
fn deadlock_whose_waker_nobody_has_stands_at_once() {
    let check = store(|session| async move {
        std::future::pending::<()>().await;
        finish(session).await
    });
    let report = check.schedules(10).run();
    assert!(report.counterexamples[0].defects.contains(&Defect::Deadlock));
    assert!(text(&report).contains("nobody has its waker"), "{}", text(&report));
    assert!(!text(&report).contains("within a second"), "{}", text(&report));
}

#[test]
fn wake_after_the_end_wakes_nothing_in_the_next_execution() {
    // A thread that the test controls: it answers when the second execution is under way.
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let woken = Arc::new(AtomicBool::new(false));
    let mut engine = Engine::new(Limits::default(), Random::new(1));
    let (answer, answered) = oneshot::channel::<u32>();
    let opened = Arc::clone(&gate);
    let late = thread::spawn(move || {
        let mut open = opened.0.lock().unwrap();
        while !*open {
            open = opened.1.wait(open).unwrap();
        }
        drop(open);
        let _gone = answer.send(1);
    });
    let kept = Arc::new(Mutex::new(Some(answered)));
    let first = Arc::clone(&kept);
    engine
        .execute(0, async move {
            // Leaves its waker behind, and ends.
            std::future::poll_fn(|cx| {
                let mut receiver = first.lock().unwrap();
                assert!(Pin::new(receiver.as_mut().unwrap()).poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
        })
        .unwrap();
    let late = Mutex::new(Some(late));
    let seen = Arc::clone(&woken);
    let outcome = engine
        .execute(1, async move {
            let mut polls = 0;
            let count = std::future::poll_fn(move |_| {
                polls += 1;
                if polls == 1 {
                    *gate.0.lock().unwrap() = true;
                    gate.1.notify_all();
                    late.lock().unwrap().take().unwrap().join().unwrap();
                    return Poll::Pending;
                }
                seen.store(true, Ordering::Relaxed);
                Poll::Ready(())
            });
            count.await;
        })
        .unwrap();
    assert!(matches!(outcome.end, End::Outside(_)), "{:?}", outcome.end);
    assert_eq!(outcome.outside_wakes, 1);
    assert!(!woken.load(Ordering::Relaxed), "a wake from outside wakes nothing");
    drop(kept);
    // What follows is as it was.
    let outcome = engine.execute(2, async { engine::sleep(5).await }).unwrap();
    assert_eq!((outcome.end, outcome.virtual_ms), (End::Completed, 5));
    assert_eq!(outcome.outside_wakes, 0);
}

#[test]
fn replay_with_a_thread_is_neither_a_pass_nor_a_defect() {
    let broken = store(|session| async move {
        session.progress(Some("Inbox"), 3, 4).await;
        session.progress(Some("Inbox"), 1, 4).await;
        finish(session).await
    });
    let report = broken.run();
    let token = report.counterexamples[0].token().to_string();
    let mended = store(|session| async move {
        session.progress(Some("Inbox"), 3, 4).await;
        session.progress(Some("Inbox"), 4, 4).await;
        ask_thread().await.expect("the thread answers");
        finish(session).await
    });
    let replayed = mended.replay(&token).expect("the token is of this check");
    assert_eq!(replayed.outcome(), ReplayOutcome::OutsideThread);
    assert!(!replayed.holds());
}

struct Unparks(thread::Thread);

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Arc::new(Unparks(thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        thread::park();
    }
}

#[test]
fn runtime_of_the_providers_own_is_named() {
    // As a small runtime does: it parks the thread until a timer thread of its own wakes it.
    let check = store(|session| async move {
        block_on(ask_thread()).expect("the thread answers");
        finish(session).await
    });
    let report = check.clone().schedules(20).run();
    assert!(report.holds(), "{}", text(&report));
    let real_time = |warning: &&Warning| matches!(warning, Warning::RealTime { .. });
    let named = report.warnings.iter().find(real_time);
    if cfg!(target_os = "linux") {
        let named = named.expect("Linux tells how long a thread slept").to_string();
        assert!(named.contains("task \"sync\""), "{named}");
        assert!(!check.schedules(20).strict(true).run().passes());
    } else {
        assert_eq!(named, None);
    }
}

#[test]
fn poll_that_computes_for_long_waits_for_nothing() {
    let check = store(|session| async move {
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(1) {
            std::hint::spin_loop();
        }
        finish(session).await
    });
    let report = check.schedules(10).run();
    assert!(
        report.warnings.iter().all(|w| !matches!(w, Warning::RealTime { .. })),
        "{}",
        text(&report)
    );
}

#[test]
fn runtime_of_tokio_inside_of_a_poll_is_named() {
    let check = store(|session| async move {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let nap = async { tokio::time::sleep(Duration::from_millis(1)).await };
        runtime.expect("a runtime").block_on(nap);
        finish(session).await
    });
    let report = check.schedules(5).run();
    assert!(!report.is_broken(), "{}", text(&report));
    let real_time = |warning: &Warning| matches!(warning, Warning::RealTime { .. });
    assert_eq!(report.warnings.iter().any(real_time), cfg!(target_os = "linux"));
}

#[test]
fn task_on_a_runtime_of_tokio_is_a_thread_outside() {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_time().build().expect("a runtime")
    });
    let check = store(|session| async move {
        let nap = async { tokio::time::sleep(Duration::from_millis(1)).await };
        RUNTIME.spawn(nap).await.expect("it only sleeps");
        finish(session).await
    });
    assert_incomplete(&check.run());
    // The timer of an entered runtime wakes from there too.
    let check = store(|session| async move {
        let nap = {
            let _entered = RUNTIME.enter();
            tokio::time::sleep(Duration::from_millis(5))
        };
        nap.await;
        finish(session).await
    });
    assert_incomplete(&check.run());
}

#[test]
fn calls_that_need_the_runtime_of_tokio_are_explained() {
    let checks = [
        store(|session| async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            finish(session).await
        }),
        store(|session| async move {
            tokio::spawn(async {});
            finish(session).await
        }),
        store(|session| async move {
            let _ended = tokio::task::spawn_blocking(|| ()).await;
            finish(session).await
        }),
        store(|session| async move {
            let _elapsed =
                tokio::time::timeout(Duration::from_millis(1), std::future::ready(())).await;
            finish(session).await
        }),
    ];
    for check in checks {
        let report = check.schedules(10).real_tokio(false).run();
        let text = text(&report);
        assert_eq!(report.counterexamples[0].defects[0], Defect::Panic, "{text}");
        assert!(text.contains("needs a runtime of tokio's, and a check has none"), "{text}");
    }
}

#[test]
fn unbiased_select_leads_the_report_and_its_defect_is_shown() {
    let check = store(|session| async move {
        tokio::select! {
            () = std::future::ready(()) => {}
            () = std::future::ready(()) => panic!("the wrong branch"),
        }
        finish(session).await
    });
    for seed in 0..10 {
        let report = check.clone().schedules(100).seed(seed).run();
        let text = text(&report);
        let defects: Vec<Defect> =
            report.counterexamples.iter().flat_map(|shown| shown.defects.clone()).collect();
        assert_eq!(defects[0], Defect::Nondeterminism, "{text}");
        assert!(defects.contains(&Defect::Panic), "{text}");
        assert!(report.counterexamples.iter().all(|shown| shown.why.is_none()), "{text}");
        assert!(text.contains("an unbiased `select!` (write `biased;`"), "{text}");
        assert!(text.trim_start().starts_with("nondeterminism"), "{text}");
    }
}

#[test]
fn calls_that_differ_between_two_runs_are_named() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let check = store(|session| async move {
        let position = RUNS.fetch_add(1, Ordering::Relaxed) % 50;
        session.progress(Some("Inbox"), position, 100).await;
        finish(session).await
    });
    let report = check.host(Host::default()).faults(Faults::default()).jobs(1).run();
    let shown = &report.counterexamples[0];
    assert_eq!(shown.defects[0], Defect::Nondeterminism, "{}", text(&report));
    let breach = shown.execution.breach(Defect::Nondeterminism).expect("it leads");
    let message = &breach.message;
    assert!(message.contains("task \"sync\" has Progress(\"Inbox\", "), "{message}");
    assert!(message.contains(", 100) in one, and task \"sync\" has"), "{message}");
    assert!(message.contains("use a `BTreeMap`"), "{message}");
}

#[test]
fn report_says_the_chance_to_have_seen_a_difference() {
    let check = store(finish);
    let report = check.schedules(1_000).run();
    assert_eq!(report.repeated, 64 + 7);
    let chance = report.chance_to_see_a_difference(0.1);
    assert!((0.999..1.0).contains(&chance), "{chance}");
    let line = "run again and compared: 71 schedules; what differs in 1 % of runs is seen with a \
                chance of 51 %, in 10 % with 99 %";
    assert!(text(&report).contains(line), "{}", text(&report));
}

/// Needs the symbols of the program, so it runs natively only.
#[cfg(not(windows))]
#[test]
fn waits_of_all_kinds_have_their_places() {
    /// A symbol that stays in the backtrace of a wait.
    struct Wait<F>(F);

    impl<F: Future + Unpin> Future for Wait<F> {
        type Output = ();

        #[inline(never)]
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            let polled = Pin::new(&mut self.0).poll(cx);
            // Not the last call of this function, so that its frame is there.
            std::hint::black_box(polled).map(|_| ())
        }
    }

    let checks = [
        store(|session| async move {
            let (_kept, never) = oneshot::channel::<u32>();
            Wait(never).await;
            finish(session).await
        }),
        store(|session| async move {
            let (_kept, mut never) = tokio::sync::mpsc::channel::<u32>(1);
            Wait(Box::pin(never.recv())).await;
            finish(session).await
        }),
        store(|session| async move {
            let lock = tokio::sync::Mutex::new(());
            let _held = lock.lock().await;
            Wait(Box::pin(lock.lock())).await;
            finish(session).await
        }),
        store(|session| async move {
            let (_kept, never) = futures::channel::oneshot::channel::<u32>();
            Wait(never).await;
            finish(session).await
        }),
        store(|session| async move {
            let (_kept, never) = engine::sync::oneshot::<u32>("never");
            Wait(never).await;
            finish(session).await
        }),
        store(|session| async move {
            let task = session.runtime().spawn("stuck".into(), Box::pin(std::future::pending()));
            Wait(task.expect("no fault strikes")).await;
            finish(session).await
        }),
        store(|session| async move {
            Wait(Box::pin(session.cancel().requested())).await;
            finish(session).await
        }),
    ];
    for check in checks {
        let check = check.host(Host::default()).faults(Faults::default());
        let check = check.schedules(3);
        let report = check.run();
        let End::Deadlock(blocked) = &report.counterexamples[0].execution.outcome.end else {
            panic!("{}", text(&report));
        };
        let sync = blocked.iter().find(|task| task.task == "sync").expect("the sync waits");
        let place = sync.place.as_deref().unwrap_or_else(|| panic!("{}", text(&report)));
        // Without debug information there are only names.
        assert!(place.contains("outside.rs:") || place.contains("Wait<"), "{place}");
        assert!(text(&report).contains(place), "{}", text(&report));
        let token = report.counterexamples[0].token().to_string();
        let replayed = check.replay(&token).expect("the token is of this check");
        assert!(replayed.to_string().contains(place), "{replayed}");
    }
}

#[test]
fn wait_for_the_cancel_signal_is_named() {
    let check = store(|session| async move {
        session.cancel().requested().await;
        finish(session).await
    });
    let report = check.host(Host::default()).faults(Faults::default()).schedules(10).run();
    let text = text(&report);
    assert!(report.counterexamples[0].defects.contains(&Defect::Deadlock), "{text}");
    assert!(text.contains("waits for a change of \"cancel\""), "{text}");
    assert!(!text.contains("does not track"), "{text}");
}

#[test]
fn what_is_dropped_at_a_deadlock_is_no_call_of_the_providers() {
    // The host's first start fails, so its main task ends; the other sync waits for ever.
    struct Second(AtomicBool);
    #[async_trait]
    impl MapiSync for Second {
        async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
            if !self.0.swap(true, Ordering::Relaxed) {
                engine::yield_now().await;
                return HResult::MAPI_E_BUSY;
            }
            request.start(|session| async move {
                std::future::pending::<()>().await;
                finish(session).await
            })
        }
    }
    let report = check(|| Second(AtomicBool::new(false))).schedules(300).run();
    for shown in &report.counterexamples {
        for defect in &shown.defects {
            assert_ne!(defect.id(), "event-closed-once", "{}", text(&report));
            assert_ne!(defect.id(), "callback-held", "{}", text(&report));
        }
    }
    let found: Vec<Defect> =
        report.counterexamples.iter().flat_map(|c| c.defects.clone()).collect();
    assert!(found.contains(&Defect::Deadlock), "{}", text(&report));
}

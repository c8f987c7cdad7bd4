//! Time lines, line by line: calls, wakes, sleeps, notes, and who could have run at the steps that
//! decide.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::engine;
use mapi_sync_sim::report::{Document, Format, Palette};
use mapi_sync_sim::world::{Faults, Host};
use mapi_sync_sim::{Check, check};

/// The lines of the first time line in a report.
fn time_line(report: &impl ToString) -> Vec<String> {
    let text = report.to_string();
    let lines = text.lines().skip_while(|line| !line.trim_start().starts_with("time ms"));
    let ends = |line: &str| line.contains(" steps and ");
    lines.take_while(|line| !ends(line)).map(|line| line.trim_end().to_owned()).collect()
}

fn quiet<P: MapiSync + 'static>(provider: fn() -> P) -> Check {
    check(provider).faults(Faults::default()).host(Host::default()).late_work(false).jobs(1)
}

/// Panics if its worker comes before it has counted.
struct Counts;

#[async_trait]
impl MapiSync for Counts {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            let counted = Arc::new(AtomicBool::new(false));
            let seen = Arc::clone(&counted);
            let (ready, turn) = engine::sync::oneshot("turn");
            let worker = engine::spawn("worker", async move {
                turn.await.expect("it is sent");
                engine::yield_now().await;
                assert!(seen.load(Ordering::Relaxed), "nothing is counted");
            });
            session.sleep(Duration::from_millis(5)).await;
            ready.send(()).expect("the worker waits");
            engine::note("the worker may go");
            engine::yield_now().await;
            counted.store(true, Ordering::Relaxed);
            worker.await.expect("the worker ends");
            session.done(HResult::S_OK).await
        })
    }
}

#[test]
fn a_time_line_says_who_woke_whom_and_who_could_run_at_the_steps_that_decide() {
    let report = quiet(|| Counts).schedules(500).run();
    let text = r#"
    time ms  task    call
       0 ms  main    SynchronizeInBackground(0)
       0 ms  main    QueryInterface of the callback
       0 ms  main    CreateEvent gave event 0x4
       0 ms  main    DuplicateHandle(event 0x4) by the provider gave event 0x8
       0 ms  main    event 0x4 put in the out-pointer
       0 ms  main    SynchronizeInBackground returned S_OK, with event 0x4 in the out-pointer
       0 ms  sync    (sleeps until 5 ms)
       5 ms  clock   (wakes `sync`)
       5 ms  sync    (note: the worker may go)
       5 ms  sync    (wakes `worker`)
       5 ms  worker  (could run: `sync`, `worker`)  (1)
->     5 ms  here  <- panic
       5 ms  sync    (only `sync` could run)  (2)
       5 ms  sync    #1 Done(event 0x4, E_UNEXPECTED (0x8000FFFF))
       5 ms  sync    #1   returned S_OK
       5 ms  sync    Release of the callback
       5 ms  sync    SetEvent(event 0x8) by the provider
       5 ms  sync    CloseHandle(event 0x8) by the provider
       5 ms  sync    (wakes `main`)
       5 ms  main    wait for event 0x4 by the host
 |     5 ms  main    CloseHandle(event 0x4) by the host
"#;
    assert_eq!(time_line(&report), text.lines().skip(1).collect::<Vec<_>>());
}

/// Says what it does, and fails.
struct Traced;

#[async_trait]
impl MapiSync for Traced {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            tracing::info_span!("sync", account = 1).in_scope(|| {
                tracing::info!(target: "store", folder = "Inbox", left = 2, "a batch of {}", 3);
            });
            session.sleep(Duration::from_millis(5)).await;
            tracing::debug!(target: "store", failed = true);
            panic!("it fails")
        })
    }
}

#[test]
fn tracing_events_are_notes_while_a_counterexample_is_replayed() {
    let report = quiet(|| Traced).schedules(10).run();
    let text = r#"
    time ms  task   call
       0 ms  main   SynchronizeInBackground(0)
       0 ms  main   QueryInterface of the callback
       0 ms  main   CreateEvent gave event 0x4
       0 ms  main   DuplicateHandle(event 0x4) by the provider gave event 0x8
       0 ms  main   event 0x4 put in the out-pointer
       0 ms  main   SynchronizeInBackground returned S_OK, with event 0x4 in the out-pointer
       0 ms  sync   (note: INFO store: a batch of 3 folder="Inbox" left=2)
       0 ms  sync   (sleeps until 5 ms)
       5 ms  clock  (wakes `sync`)
       5 ms  sync   (note: DEBUG store: failed=true)
       5 ms  sync   #1 Done(event 0x4, E_UNEXPECTED (0x8000FFFF))
       5 ms  sync   #1   returned S_OK
       5 ms  sync   Release of the callback
       5 ms  sync   SetEvent(event 0x8) by the provider
       5 ms  sync   CloseHandle(event 0x8) by the provider
       5 ms  sync   (wakes `main`)
->     5 ms  here  <- panic
       5 ms  main   wait for event 0x4 by the host
 |     5 ms  main   CloseHandle(event 0x4) by the host
"#;
    assert_eq!(time_line(&report), text.lines().skip(1).collect::<Vec<_>>());
}

#[test]
fn long_stretches_of_wakes_are_cut_and_stand_in_the_json() {
    /// Sleeps often between two calls.
    struct Sleeps;

    #[async_trait]
    impl MapiSync for Sleeps {
        async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
            request.start(|session| async move {
                for _ in 0..100 {
                    session.sleep(Duration::from_millis(1)).await;
                }
                panic!("it fails")
            })
        }
    }

    let report = quiet(|| Sleeps).schedules(10).run();
    let lines = time_line(&report);
    assert!(lines.contains(&"         … 192 wakes and sleeps …".to_owned()), "{lines:#?}");
    let sleeps = lines.iter().filter(|line| line.contains("(sleeps until"));
    assert_eq!(sleeps.count(), 4);
    let mut json = Vec::new();
    Format::Json.write(&mut json, Document::Check(&report), &Palette::PLAIN).unwrap();
    let json = String::from_utf8(json).unwrap();
    assert_eq!(json.matches("\"sleeps_until_ms\": ").count(), 100);
}

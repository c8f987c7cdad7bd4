//! What a time line shows besides calls: decisions where they were taken, and an author's notes.

use std::time::Duration;

use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::engine;
use mapi_sync_sim::world::{Faults, Host};
use mapi_sync_sim::{Check, Defect, check};

/// Loses its Done if the size that it draws is 2.
struct Draws;

#[async_trait]
impl MapiSync for Draws {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            session.sleep(Duration::from_millis(5)).await;
            let size = engine::choose("size of the batch", 3);
            engine::note(format_args!("a batch of {size}"));
            session.progress(Some("Inbox"), 1, 2).await;
            engine::note("half of it");
            session.progress(Some("Inbox"), 2, 2).await;
            assert!(size != 2, "too large");
            session.done(HResult::S_OK).await
        })
    }
}

fn quiet() -> Check {
    check(|| Draws).faults(Faults::default()).host(Host::default()).late_work(false).jobs(1)
}

#[test]
fn decisions_and_notes_stand_where_they_happened() {
    let report = quiet().schedules(200).run();
    let shown = &report.counterexamples[0];
    assert!(shown.defects.contains(&Defect::Panic));
    let execution = &shown.execution;
    let call = |place: usize| execution.calls.get(place).map(|seen| seen.call.call.to_string());
    let events: Vec<_> = execution
        .events
        .iter()
        .map(|event| (event.at_ms, event.task.as_str(), event.text.as_str(), call(event.before)))
        .collect();
    let progress = |index| Some(format!("Progress(\"Inbox\", {index}, 2)"));
    assert_eq!(
        events,
        [
            (None, "sync", "`size of the batch`, chosen by `sync`, is 2", progress(1)),
            (Some(5), "sync", "note: a batch of 2", progress(1)),
            (Some(5), "sync", "note: half of it", progress(2)),
        ]
    );
    let text = report.to_string();
    let order =
        ["(`size of the batch`", "(note: a batch of 2)", "#1 Progress", "(note: half of it)"];
    let places = order.map(|part| text.find(part).unwrap_or_else(|| panic!("{part}: {text}")));
    assert!(places.is_sorted(), "{text}");
    // A replay shows the same.
    let replayed = quiet().replay(&shown.token().to_string()).expect("the token is this check's");
    assert_eq!(replayed.execution.events, execution.events);
}

/// A worker that is dropped leaves its lock taken.
struct Dropped;

#[async_trait]
impl MapiSync for Dropped {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            let worker = engine::spawn_droppable("worker", engine::sleep(10));
            worker.await.expect("the worker is never dropped");
            session.done(HResult::S_OK).await
        })
    }
}

#[test]
fn a_drop_has_a_line_of_its_own() {
    let faults = Faults { task_dropped: 1, ..Faults::default() };
    let report = check(|| Dropped).faults(faults).host(Host::default()).schedules(500).run();
    let shown = report.counterexamples.iter().find(|shown| shown.defects.contains(&Defect::Panic));
    let events = &shown.expect("it is found").execution.events;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].task, "worker");
    assert!(events[0].text.starts_with("`worker` is dropped"), "{events:?}");
}

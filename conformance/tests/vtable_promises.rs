//! Whatever a provider does, its sync ends: Done comes, all references are given back, the event
//! occurs. And what still ran then is named.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mapi_sync::com::{self, Incident, Provider};
use mapi_sync::{HResult, MapiSync, Runtime, SyncRequest, SyncSession, async_trait};
use mapi_sync_conformance::case::{Handle, Seen};
use mapi_sync_conformance::cpp::{self, Plan};

/// Starts each sync with a function.
struct Starts<F>(F);

#[async_trait]
impl<F: Fn(SyncRequest) -> HResult + Send + Sync> MapiSync for Starts<F> {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        (self.0)(request)
    }
}

fn provider(start: impl Fn(SyncRequest) -> HResult + Send + Sync + 'static) -> Provider {
    Provider::new(Starts(start)).with_grace(GRACE)
}

const GRACE: Duration = Duration::from_millis(50);

/// One sync, and how it ended: with one Done of this status, and everything given back. Returns
/// what the author learns.
fn ends(provider: Provider, status: HResult) -> Vec<Incident> {
    let incidents = Arc::new(Mutex::new(Vec::new()));
    let reported = Arc::clone(&incidents);
    let provider =
        provider.with_incidents(move |incident| reported.lock().unwrap().push(incident.clone()));
    let plan = Plan { patience_ms: 10_000, ..Plan::default() };
    let (report, calls) = cpp::host(provider.into_sync().into(), &plan);
    let calls = calls.into_iter().map(|call| call.seen);
    let dones: Vec<_> = calls.filter(|seen| matches!(seen, Seen::Done(..))).collect();
    assert_eq!(dones, [Seen::Done(Handle::Published, status)]);
    assert_eq!((report.start, report.timed_out, report.signalled), (0, 0, 1));
    assert_eq!((report.references_left, report.sessions_left), (0, 0));
    assert_eq!((report.calls_after_done, report.signalled_in_done), (0, 0));
    assert_eq!(report.store_before, report.store_after);
    let incidents = incidents.lock().unwrap();
    incidents.clone()
}

fn dropped(task: &str) -> Incident {
    Incident::TasksDropped { tasks: vec![task.to_owned()] }
}

/// The panic of [`panics`] in this task.
fn is_panic(incident: &Incident, of: Option<&str>) -> bool {
    let Incident::Panic { thread, task, message, place } = incident else { return false };
    assert_eq!((thread.as_str(), message.as_str()), ("mapi-sync worker", "as the test asks"));
    let place = place.as_deref().expect("the panic hook knows it");
    assert!(place.contains("vtable_promises.rs:"), "{place}");
    task.as_deref() == of
}

fn panics() -> ! {
    panic!("as the test asks")
}

/// Awaits on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

/// Spawns a task that never ends.
fn spawn_endless(runtime: &Arc<dyn Runtime>, name: &'static str) {
    runtime.spawn(name.into(), Box::pin(pending())).expect("a task").detach();
}

/// What a sync leaves behind that its session can no longer end.
fn lose(session: SyncSession) {
    std::mem::forget(session);
}

#[test]
fn task_that_never_ends_does_not_keep_the_event_back() {
    let incidents = ends(
        provider(|request| {
            request.start(|session| async move {
                spawn_endless(session.runtime(), "endless");
                session.done(HResult::S_OK).await
            })
        }),
        HResult::S_OK,
    );
    assert_eq!(incidents, [dropped("endless")]);
}

#[test]
fn task_that_ends_soon_after_done_is_not_dropped() {
    let incidents = ends(
        provider(|request| {
            request.start(|session| async move {
                let runtime = Arc::clone(session.runtime());
                let rest = Arc::clone(&runtime);
                let task = async move { rest.sleep(Duration::from_millis(2)).await };
                runtime.spawn("rest".into(), Box::pin(task)).expect("a task").detach();
                session.done(HResult::S_OK).await
            })
        })
        .with_grace(Duration::from_secs(60)),
        HResult::S_OK,
    );
    assert_eq!(incidents, []);
}

#[test]
fn forgotten_session_ends_after_a_panic() {
    let incidents = ends(
        provider(|request| {
            request.start(|session| async move {
                lose(session);
                panics()
            })
        }),
        HResult::E_UNEXPECTED,
    );
    assert!(is_panic(&incidents[0], Some("sync")), "{incidents:?}");
    assert_eq!(incidents[1..], [Incident::DoneOwed { references: 1 }]);
}

#[test]
fn forgotten_session_ends_after_a_panic_beside_a_task_that_never_ends() {
    let incidents = ends(
        provider(|request| {
            request.start(|session| async move {
                spawn_endless(session.runtime(), "endless");
                lose(session);
                panics()
            })
        }),
        HResult::E_UNEXPECTED,
    );
    assert!(is_panic(&incidents[0], Some("sync")), "{incidents:?}");
    assert_eq!(incidents[1..], [dropped("endless"), Incident::DoneOwed { references: 1 }]);
}

#[test]
fn forgotten_session_without_a_task_ends_after_the_silence() {
    let incidents = ends(
        provider(|request| {
            let callback = request.query_callback().expect("a willing host");
            std::mem::forget(callback);
            HResult::S_OK
        })
        .with_silence(GRACE),
        HResult::E_UNEXPECTED,
    );
    assert_eq!(incidents, [Incident::DoneOwed { references: 1 }]);
}

#[test]
fn dropped_request_ends_at_once_beside_a_task_that_never_ends() {
    let incidents = ends(
        provider(|request| {
            spawn_endless(request.runtime(), "endless");
            HResult::S_OK
        })
        .with_grace(Duration::from_secs(60)),
        HResult::E_UNEXPECTED,
    );
    assert_eq!(incidents, [dropped("endless"), Incident::DoneOwed { references: 0 }]);
}

#[test]
fn start_that_panics_late_ends_beside_a_task_that_never_ends() {
    struct Late;

    #[async_trait]
    impl MapiSync for Late {
        async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
            spawn_endless(request.runtime(), "endless");
            let callback = request.query_callback().expect("a willing host");
            let _ = callback.progress(Some("so far"), 0, 1).await;
            std::mem::forget(callback);
            panics()
        }
    }

    let incidents = ends(Provider::new(Late).with_grace(GRACE), HResult::E_UNEXPECTED);
    assert!(is_panic(&incidents[0], None), "{incidents:?}");
    assert_eq!(incidents[1..], [dropped("endless"), Incident::DoneOwed { references: 1 }]);
}

#[test]
fn blocking_thread_that_never_ends_does_not_keep_the_event_back() {
    let incidents = ends(
        provider(|request| {
            request.start(|session| async move {
                let (sender, begun) = tokio::sync::oneshot::channel();
                drop(tokio::task::spawn_blocking(move || {
                    sender.send(()).expect("the sync waits");
                    loop {
                        std::thread::park();
                    }
                }));
                begun.await.expect("the closure runs");
                session.done(HResult::S_OK).await
            })
        }),
        HResult::S_OK,
    );
    assert_eq!(incidents, [Incident::ThreadsLeft { count: 1 }]);
    // The thread runs code of this module.
    assert_eq!(com::can_unload_now(), HResult::S_FALSE);
}

#[test]
fn session_on_a_thread_of_the_providers_ends_when_that_says_so() {
    let incidents = ends(
        provider(|request| {
            request.start(|session| async move {
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(30));
                    block_on(session.done(HResult::S_OK))
                });
                panics()
            })
        })
        .with_grace(Duration::from_secs(60)),
        HResult::S_OK,
    );
    assert!(is_panic(&incidents[0], Some("sync")), "{incidents:?}");
    assert_eq!(incidents.len(), 1, "{incidents:?}");
}

#[test]
fn request_on_a_thread_of_the_providers_can_still_end_its_sync() {
    let incidents = ends(
        provider(|request| {
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(30));
                let event = request.published_event();
                let callback = request.query_callback().expect("a willing host");
                block_on(callback.done(event, HResult::S_OK))
            });
            HResult::S_OK
        }),
        HResult::S_OK,
    );
    assert_eq!(incidents, []);
}

#[test]
fn calls_of_the_host_are_signs_of_life() {
    let incidents = ends(
        provider(|request| {
            request.start(|session| async move {
                std::thread::spawn(move || {
                    // Longer than the silence in all.
                    for index in 0..20 {
                        std::thread::sleep(Duration::from_millis(20));
                        block_on(session.progress(None, index, 20));
                    }
                    block_on(session.done(HResult::S_OK))
                });
                panics()
            })
        })
        .with_grace(Duration::from_millis(200)),
        HResult::S_OK,
    );
    assert_eq!(incidents.len(), 1, "{incidents:?}");
}

#[test]
fn panic_of_the_callback_for_incidents_costs_nothing() {
    let provider = provider(|request| {
        request.start(|session| async move {
            lose(session);
            panics()
        })
    });
    let provider = provider.with_incidents(|_| panics());
    let (report, _) = cpp::host(provider.into_sync().into(), &Plan::default());
    assert_eq!((report.dones, report.signalled, report.references_left), (1, 1, 0));
}

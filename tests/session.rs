//! The session sends Done exactly once, last, on every path.

mod common;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use common::{Host, Mood};
use mapi_sync::contract::{Call, Violation};
use mapi_sync::{
    BoxFuture, Events, HResult, MapiSync, Runtime, Shared, SyncDone, SyncRequest, SyncSession,
    TaskHandle, async_trait,
};

/// A provider whose syncs do `work`.
struct Provider<Work>(Work);

#[async_trait]
impl<Work, Running> MapiSync for Provider<Work>
where
    Work: Fn(SyncSession) -> Running + Clone + Send + Sync + 'static,
    Running: Future<Output = SyncDone> + Send + 'static,
{
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let work = self.0.clone();
        request.start(work)
    }
}

/// Runs one sync until its event occurs, closes the handle, and returns what the start answered.
async fn run<Work, Running>(host: &Arc<Host>, work: Work) -> HResult
where
    Work: Fn(SyncSession) -> Running + Clone + Send + Sync + 'static,
    Running: Future<Output = SyncDone> + Send + 'static,
{
    let request = host.request();
    let out = Arc::clone(request.event_out());
    let events = host.monitor.host_events(Arc::clone(&host.events) as _);
    let provider = host.monitor.watch(Provider(work));
    let result = provider.synchronize_in_background(request).await;
    if result.is_success() {
        let event = out.published();
        assert_eq!(events.wait(event).await, HResult::S_OK);
        host.note("event");
        assert_eq!(events.close(event), HResult::S_OK);
    }
    assert_eq!(host.events.open_handles(), 0);
    result
}

/// The violations, when everything that was started has ended.
async fn verdict(host: &Host) -> Vec<Violation> {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
    host.monitor.finish()
}

const DONE: &str = "Done(event 0x4, ";

#[tokio::test]
async fn the_host_receives_all_calls_in_order() {
    let host = Host::friendly();
    let result = run(&host, |session| async move {
        session.progress(Some("Inbox"), 1, 2).await;
        session.progress(None, 2, 2).await;
        session.done(HResult::S_OK).await
    });
    assert_eq!(result.await, HResult::S_OK);
    let expected = [
        "Progress(\"Inbox\", 1, 2)",
        "Progress(NULL, 2, 2)",
        "Done(event 0x4, S_OK)",
        "released",
        "event",
    ];
    assert_eq!(host.log(), expected);
    assert_eq!(verdict(&host).await, []);
}

#[tokio::test]
async fn a_dropped_session_sends_done() {
    let host = Host::friendly();
    run(&host, |session| async move {
        drop(session);
        std::future::pending().await
    })
    .await;
    assert_eq!(host.log(), [&format!("{DONE}MAPI_E_CANCEL (0x80040501))"), "released", "event"]);
    assert_eq!(verdict(&host).await, []);
}

#[tokio::test]
async fn a_panic_sends_done() {
    let host = Host::friendly();
    run(&host, |session| async move {
        session.progress(None, 0, 2).await;
        panic!("the provider panics, as planned")
    })
    .await;
    let done = format!("{DONE}E_UNEXPECTED (0x8000FFFF))");
    assert_eq!(host.log(), ["Progress(NULL, 0, 2)", &done, "released", "event"]);
    assert_eq!(verdict(&host).await, []);
}

#[tokio::test]
async fn a_panic_sends_done_to_a_host_that_waits_or_panics() {
    // At a panic during a panic, std walks the stack whatever the environment says, and a 32-bit
    // one crashes Wine 8.
    #[cfg(all(windows, target_arch = "x86"))]
    std::panic::set_hook(Box::new(|_| {}));
    for (mood, end) in [(Mood::Waits(3), "answered"), (Mood::Panics, "released")] {
        let host = Host::new(Mood::Answers(HResult::S_OK), mood);
        run(&host, |session| async move {
            let _held = session;
            panic!("the provider panics, as planned")
        })
        .await;
        let log = host.log();
        assert_eq!(log[0], format!("{DONE}E_UNEXPECTED (0x8000FFFF))"));
        assert_eq!(log[1], end);
        assert_eq!(verdict(&host).await, []);
    }
}

#[tokio::test]
async fn a_done_that_is_dropped_half_way_is_delivered() {
    for polls in 0..6 {
        let host = Host::new(Mood::Answers(HResult::S_OK), Mood::Waits(3));
        run(&host, move |session| async move {
            let mut done = Box::pin(session.done(HResult::S_OK));
            for _ in 0..polls {
                let _ = futures::poll!(&mut done);
            }
            drop(done);
            std::future::pending().await
        })
        .await;
        let status = if polls == 0 { "MAPI_E_CANCEL (0x80040501)" } else { "S_OK" };
        assert_eq!(
            host.log(),
            [&format!("{DONE}{status})"), "answered", "released", "event"],
            "{polls}"
        );
        assert_eq!(verdict(&host).await, []);
    }
}

#[tokio::test]
async fn done_waits_for_the_call_in_flight_and_lets_no_other_begin() {
    let host = Host::new(Mood::Waits(5), Mood::Answers(HResult::S_OK));
    run(&host, |session| async move {
        let (slow, late) = (session.reporter(), session.reporter());
        tokio::spawn(async move { slow.progress(None, 1, 1).await });
        tokio::task::yield_now().await;
        let waiting = tokio::spawn(async move { late.progress(None, 1, 1).await });
        tokio::task::yield_now().await;
        let done = session.done(HResult::S_OK).await;
        assert_eq!(waiting.await.unwrap(), HResult::MAPI_E_END_OF_SESSION);
        done
    })
    .await;
    let expected =
        ["Progress(NULL, 1, 1)", "answered", "Done(event 0x4, S_OK)", "released", "event"];
    assert_eq!(host.log(), expected);
    assert_eq!(verdict(&host).await, []);
}

#[tokio::test]
async fn a_session_dropped_while_a_call_is_in_flight_ends_after_that_call() {
    let host = Host::new(Mood::Waits(5), Mood::Answers(HResult::S_OK));
    run(&host, |session| async move {
        let reporter = session.reporter();
        tokio::spawn(async move { reporter.error(HResult::MAPI_W_NO_SERVICE, "no service").await });
        tokio::task::yield_now().await;
        drop(session);
        std::future::pending().await
    })
    .await;
    let error = "Error(MAPI_W_NO_SERVICE (0x00040203), \"no service\")";
    let done = format!("{DONE}MAPI_E_CANCEL (0x80040501))");
    assert_eq!(host.log(), [error, "answered", &done, "released", "event"]);
    assert_eq!(verdict(&host).await, []);
}

#[tokio::test]
async fn done_comes_after_calls_that_fail_or_panic() {
    for mood in [Mood::Answers(HResult::E_FAIL), Mood::Panics] {
        let host = Host::new(mood, Mood::Answers(HResult::E_FAIL));
        run(&host, |session| async move {
            let answer = session.progress(None, 1, 1).await;
            assert!(answer.is_failure());
            session.done(HResult::S_OK).await
        })
        .await;
        assert_eq!(
            host.log(),
            ["Progress(NULL, 1, 1)", "Done(event 0x4, S_OK)", "released", "event"]
        );
        assert_eq!(verdict(&host).await, []);
    }
}

#[tokio::test]
async fn the_hosts_cancel_code_reaches_the_work() {
    let host =
        Host::new(Mood::Answers(HResult::MAPI_W_CANCEL_MESSAGE), Mood::Answers(HResult::S_OK));
    run(&host, |session| async move {
        session.progress(None, 0, 9).await;
        session.cancel().requested().await;
        drop(session);
        std::future::pending().await
    })
    .await;
    let done = format!("{DONE}MAPI_E_USER_CANCEL (0x80040113))");
    assert_eq!(host.log(), ["Progress(NULL, 0, 9)", &done, "released", "event"]);
    assert_eq!(verdict(&host).await, []);
}

#[tokio::test]
async fn invalid_reports_are_not_sent_and_errors_are_not_hidden() {
    let host = Host::friendly();
    run(&host, |session| async move {
        assert_eq!(session.progress(None, 3, 2).await, HResult::E_INVALIDARG);
        assert_eq!(session.error(HResult::S_OK, "fine").await, HResult::E_INVALIDARG);
        assert_eq!(session.progress(None, 2, 3).await, HResult::S_OK);
        assert_eq!(session.progress(None, 1, 3).await, HResult::S_OK);
        session.progress(None, 3, 3).await;
        session.progress(None, 0, 3).await;
        session.progress(None, 3, 3).await;
        session.error(HResult::MAPI_E_NETWORK_ERROR, "gone").await;
        session.done(HResult::S_OK).await
    })
    .await;
    let expected = [
        "Progress(NULL, 2, 3)",
        "Progress(NULL, 3, 3)",
        "Progress(NULL, 0, 3)",
        "Progress(NULL, 3, 3)",
        "Error(MAPI_E_NETWORK_ERROR (0x80040115), \"gone\")",
        "Done(event 0x4, MAPI_W_ERRORS_RETURNED (0x00040380))",
        "released",
        "event",
    ];
    assert_eq!(host.log(), expected);
    assert_eq!(verdict(&host).await, []);
}

/// A runtime that fails to spawn: with a code, or by dropping the task although it took it.
struct Refuses {
    inner: Arc<dyn Runtime>,
    answer: Result<(), HResult>,
}

impl Runtime for Refuses {
    fn spawn(&self, name: Cow<'static, str>, task: BoxFuture) -> Result<TaskHandle, HResult> {
        drop(task);
        self.answer?;
        self.inner.spawn(name, Box::pin(async {}))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture {
        self.inner.sleep(duration)
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn events(&self) -> &Arc<dyn Events> {
        self.inner.events()
    }

    fn shared(&self, name: &'static str) -> Arc<dyn Shared> {
        self.inner.shared(name)
    }
}

#[tokio::test]
async fn a_start_without_a_task_fails_and_leaves_nothing_behind() {
    let cases = [
        (Err(HResult::E_OUTOFMEMORY), HResult::E_OUTOFMEMORY),
        (Ok(()), HResult::MAPI_E_END_OF_SESSION),
    ];
    for (answer, expected) in cases {
        let host = Host::friendly();
        let request = host.request();
        let inner = Arc::clone(request.runtime());
        let (sync, request) =
            host.monitor.watch_request(request.with_runtime(Arc::new(Refuses { inner, answer })));
        let out = Arc::clone(request.event_out());
        let result = request.start(|session| async move { session.done(HResult::S_OK).await });
        sync.observe(Call::StartReturned { result, event: out.published() });
        assert_eq!(result, expected);
        assert_eq!(host.log(), ["released"]);
        assert!(out.published().is_null());
        assert_eq!(host.events.open_handles(), 0);
        assert_eq!(verdict(&host).await, []);
    }
}

#[tokio::test]
async fn a_start_without_a_callback_fails() {
    let host = Host::friendly();
    let request = host.request().with_callback_unknown(None);
    let result = request.start(|session| async move { session.done(HResult::S_OK).await });
    assert_eq!(result, HResult::E_INVALIDARG);
    assert_eq!(host.log(), [""; 0]);
}

#[test]
fn a_shutdown_of_the_runtime_sends_done() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let host = Host::friendly();
    let result = runtime.block_on(async {
        let result = host.request().start(|session| async move {
            session.progress(None, 0, 1).await;
            std::future::pending::<()>().await;
            session.done(HResult::S_OK).await
        });
        tokio::task::yield_now().await;
        result
    });
    assert_eq!(result, HResult::S_OK);
    drop(runtime);
    let done = format!("{DONE}MAPI_E_CANCEL (0x80040501))");
    assert_eq!(host.log(), ["Progress(NULL, 0, 1)", &done, "released"]);
    assert_eq!(host.events.open_handles(), 1, "the published handle is the host's to close");
}

#[tokio::test]
async fn kept_values_outlive_done_however_the_sync_ends() {
    struct Store(Arc<Host>);

    impl Drop for Store {
        fn drop(&mut self) {
            self.0.note("store released");
        }
    }

    for dropped in [false, true] {
        let host = Host::friendly();
        let store = Store(Arc::clone(&host));
        let result = host.request().start(move |session| async move {
            session.keep(store);
            if dropped {
                panic!("the work fails");
            }
            session.done(HResult::S_OK).await
        });
        assert_eq!(result, HResult::S_OK);
        verdict(&host).await;
        let status = if dropped { "E_UNEXPECTED (0x8000FFFF))" } else { "S_OK)" };
        assert_eq!(host.log(), [&*format!("{DONE}{status}"), "released", "store released"]);
    }
}

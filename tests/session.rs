//! The session sends Done exactly once, last, on every path.

mod common;

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Host, Mood};
use mapi_sync::contract::{Call, Violation};
use mapi_sync::{
    BoxFuture, Events, HResult, MapiSession, MapiSync, RawEvent, Runtime, Shared, SyncDone,
    SyncProgressCallback, SyncRequest, SyncSession, TaskHandle, async_trait,
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
async fn a_dropped_session_answers_a_cancel_that_comes_before_its_done() {
    let host = Host::new(Mood::Waits(5), Mood::Answers(HResult::S_OK));
    run(&host, |session| async move {
        let (reporter, cancel) = (session.reporter(), session.cancel().clone());
        tokio::spawn(async move { reporter.progress(None, 1, 2).await });
        tokio::task::yield_now().await;
        drop(session);
        cancel.request();
        std::future::pending().await
    })
    .await;
    let done = format!("{DONE}MAPI_E_USER_CANCEL (0x80040113))");
    assert_eq!(host.log(), ["Progress(NULL, 1, 2)", "answered", &done, "released", "event"]);
    assert_eq!(verdict(&host).await, []);
}

/// How a session is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    DoneOrCancelled,
}

#[tokio::test]
async fn a_cancel_during_the_wait_of_done_changes_only_what_it_explains() {
    let cancelled = HResult::MAPI_E_USER_CANCEL;
    let error = Some(HResult::MAPI_E_DISK_ERROR);
    let cases = [
        // The end, the Error in flight meanwhile, the status, and the status that is sent.
        (End::Done, None, HResult::S_OK, HResult::S_OK),
        (End::Done, None, HResult::MAPI_W_PARTIAL_COMPLETION, HResult::MAPI_W_PARTIAL_COMPLETION),
        (End::Done, None, HResult::MAPI_E_DISK_ERROR, HResult::MAPI_E_DISK_ERROR),
        (End::Done, None, HResult::E_UNEXPECTED, HResult::E_UNEXPECTED),
        (End::Done, None, HResult::E_FAIL, cancelled),
        (End::Done, None, HResult::MAPI_E_CANCEL, cancelled),
        (End::Done, None, cancelled, cancelled),
        (End::Done, error, HResult::S_OK, HResult::MAPI_W_ERRORS_RETURNED),
        (End::Done, error, HResult::E_FAIL, HResult::E_FAIL),
        (End::Done, error, HResult::MAPI_E_CANCEL, HResult::MAPI_E_CANCEL),
        (End::DoneOrCancelled, None, HResult::S_OK, cancelled),
        (End::DoneOrCancelled, None, HResult::MAPI_E_DISK_ERROR, cancelled),
        (End::DoneOrCancelled, error, HResult::S_OK, cancelled),
    ];
    for (end, error, status, sent) in cases {
        let host = Host::new(Mood::Waits(5), Mood::Answers(HResult::S_OK));
        run(&host, move |session| async move {
            let (reporter, cancel) = (session.reporter(), session.cancel().clone());
            tokio::spawn(async move {
                match error {
                    Some(error) => reporter.error(error, "no space").await,
                    None => reporter.progress(None, 1, 1).await,
                }
            });
            tokio::task::yield_now().await;
            let cancels = async { cancel.request() };
            let ends = async {
                match end {
                    End::Done => session.done(status).await,
                    End::DoneOrCancelled => session.done_or_cancelled(status).await,
                }
            };
            futures::join!(ends, cancels).0
        })
        .await;
        let report = match error {
            Some(error) => format!("Error({error}, \"no space\")"),
            None => "Progress(NULL, 1, 1)".to_owned(),
        };
        let done = format!("{DONE}{sent})");
        let context = format!("{end:?} {error:?} {status}");
        assert_eq!(host.log(), [&report, "answered", &done, "released", "event"], "{context}");
        let violations = verdict(&host).await;
        // No Progress began after the request, so each of these was settled.
        assert_eq!(violations, [], "{context}");
    }
}

#[tokio::test]
async fn without_a_cancel_done_sends_what_it_was_given() {
    for end in [End::Done, End::DoneOrCancelled] {
        for status in [HResult::S_OK, HResult::E_FAIL, HResult::MAPI_E_CANCEL] {
            let host = Host::friendly();
            run(&host, move |session| async move {
                match end {
                    End::Done => session.done(status).await,
                    End::DoneOrCancelled => session.done_or_cancelled(status).await,
                }
            })
            .await;
            assert_eq!(host.log(), [&format!("{DONE}{status})"), "released", "event"]);
            assert_eq!(verdict(&host).await, []);
        }
    }
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

type Action = Box<dyn FnOnce() + Send>;

/// Runs an action in the middle of a use of the link to the host: what another thread could do at
/// that moment.
#[derive(Default)]
struct Interrupts(Mutex<Option<(u32, Action)>>);

impl Interrupts {
    fn after(&self, writes: u32, action: impl FnOnce() + Send + 'static) {
        *self.0.lock().unwrap() = Some((writes, Box::new(action)));
    }
}

impl Shared for Interrupts {
    fn write(&self) {
        let mut armed = self.0.lock().unwrap();
        let due = match &mut *armed {
            Some((0, _)) => armed.take(),
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        };
        drop(armed);
        if let Some((_, action)) = due {
            action();
        }
    }
}

/// A runtime whose shared objects are interrupted.
struct Interrupted {
    inner: Arc<dyn Runtime>,
    link: Arc<Interrupts>,
}

impl Runtime for Interrupted {
    fn spawn(&self, name: Cow<'static, str>, task: BoxFuture) -> Result<TaskHandle, HResult> {
        self.inner.spawn(name, task)
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

    fn shared(&self, _: &'static str) -> Arc<dyn Shared> {
        Arc::clone(&self.link) as _
    }
}

#[tokio::test]
async fn a_session_dropped_at_any_moment_of_a_report_sends_done() {
    for writes in 0..6 {
        let host = Host::friendly();
        let request = host.request();
        let (inner, link) = (Arc::clone(request.runtime()), Arc::new(Interrupts::default()));
        let link_of_work = Arc::clone(&link);
        let runtime = Arc::new(Interrupted { inner, link });
        let result = request.with_runtime(runtime).start(move |session| async move {
            let reporter = session.reporter();
            link_of_work.after(writes, move || drop(session));
            reporter.progress(None, 1, 2).await;
            std::future::pending().await
        });
        assert_eq!(result, HResult::S_OK);
        verdict(&host).await;
        let log = host.log();
        let done = format!("{DONE}MAPI_E_CANCEL (0x80040501))");
        let (report, rest) = log.split_at(log.len().saturating_sub(2));
        let expected = match writes {
            // The report waits for its turn, and loses it.
            0 | 1 => Vec::new(),
            // The report is made, and its end finds the Done.
            2 => vec!["Progress(NULL, 1, 2)"],
            // The report uses the link no more: the session lives.
            _ => {
                assert_eq!(log, ["Progress(NULL, 1, 2)"], "{writes}");
                continue;
            }
        };
        assert_eq!(report, expected, "{writes}");
        assert_eq!(rest, [done, "released".to_owned()], "{writes}");
    }
}

/// A host that panics before it returns a future.
struct PanicsAtOnce(Arc<Host>);

type Answering<'a> = Pin<Box<dyn Future<Output = HResult> + Send + 'a>>;

impl SyncProgressCallback for PanicsAtOnce {
    fn progress<'a, 'b, 'c>(&'a self, _: Option<&'b str>, _: u32, _: u32) -> Answering<'c>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.0.note("Progress");
        panic!("the host panics, as planned")
    }

    fn error<'a, 'b, 'c>(&'a self, _: HResult, _: Option<&'b str>) -> Answering<'c>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.0.note("Error");
        panic!("the host panics, as planned")
    }

    fn done<'a, 'c>(&'a self, _: RawEvent, status: HResult) -> Answering<'c>
    where
        'a: 'c,
        Self: 'c,
    {
        self.0.note(format!("Done({status})"));
        panic!("the host panics, as planned")
    }

    fn release(&self) {
        self.0.note("released");
    }
}

#[tokio::test]
async fn a_host_that_panics_before_it_returns_a_future_receives_all_calls() {
    let host = Host::friendly();
    let runtime = Arc::clone(host.request().runtime());
    let request = SyncRequest::new(Arc::new(PanicsAtOnce(Arc::clone(&host))), runtime);
    let result = request.start(|session| async move {
        let reports = [
            session.progress(None, 1, 1).await,
            session.error(HResult::MAPI_E_DISK_ERROR, "no space").await,
        ];
        assert_eq!(reports, [HResult::E_UNEXPECTED; 2]);
        let done = session.done(HResult::E_FAIL).await;
        assert_eq!(done.answer(), HResult::E_UNEXPECTED);
        done
    });
    assert_eq!(result, HResult::S_OK);
    verdict(&host).await;
    let expected = ["Progress", "Error", "Done(E_FAIL (0x80004005))", "released"];
    assert_eq!(host.log(), expected);
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

#[tokio::test]
async fn the_session_hands_on_the_mapi_session() {
    let seen = Arc::new(Mutex::new(None));
    let note = Arc::clone(&seen);
    let host = Host::new(Mood::Answers(HResult::S_OK), Mood::Answers(HResult::S_OK));
    let request = host.request();
    let out = Arc::clone(request.event_out());
    let events = Arc::clone(request.runtime().events());
    let started = request.with_session(MapiSession::new(7_u8)).start(|session| async move {
        let value = session.mapi_session().and_then(|session| session.downcast_ref::<u8>());
        *note.lock().unwrap() = value.copied();
        session.done(HResult::S_OK).await
    });
    assert_eq!(started, HResult::S_OK);
    assert_eq!(events.wait(out.published()).await, HResult::S_OK);
    assert_eq!(*seen.lock().unwrap(), Some(7));
}

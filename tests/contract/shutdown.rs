//! Shutdowns of the host.

use super::*;

#[test]
fn shutdown_drained() {
    let story = Story::started();
    story.monitor.store_released();
    assert_eq!(story.done(EVENT, OK).closed().breaks(), [Rule::SHUTDOWN_DRAINED]);
    let story = Story::started().done(EVENT, OK);
    story.monitor.store_released();
    story.closed().holds();
    // The client exits: it waits for nothing.
    let story = Story::started().told(ShutdownMethod::DoFastShutdown);
    story.monitor.store_released();
    story.holds();
}

#[test]
fn shutdown_stops_work() {
    let notified = |story: Story| story.told(ShutdownMethod::NotifyProcessShutdown);
    let cancel = HResult::MAPI_E_USER_CANCEL;
    let after = |reports: u32| {
        let story = notified(Story::started().progress(1, 100));
        (2..2 + reports).fold(story, |story, index| story.progress(index, 100))
    };
    after(8).done(EVENT, cancel).closed().holds();
    assert_eq!(after(9).done(EVENT, cancel).closed().breaks(), [Rule::SHUTDOWN_STOPS_WORK]);
    // The bound is that of a cancel.
    let story = notified(Story::started_under(Policy::default().with_progress_after_cancel(1)));
    let story = story.progress(1, 9).progress(2, 9);
    assert_eq!(story.done(EVENT, cancel).closed().breaks(), [Rule::SHUTDOWN_STOPS_WORK]);
    // Whether the client may shut down fast says nothing yet, and a logoff is another matter.
    for method in [ShutdownMethod::QueryFastShutdown, ShutdownMethod::StoreLogoff] {
        let story = Story::started().told(method);
        let story = (1..=20).fold(story, |story, index| story.progress(index, 20));
        story.done(EVENT, OK).closed().holds();
    }
}

#[test]
fn each_task_reports_once_after_the_notice() {
    let task = Arc::new(AtomicU64::new(1));
    let story = || {
        let current = Arc::clone(&task);
        let current = move || Some(current.load(Ordering::Relaxed));
        let story = Story::of(MonitorConfig::default().with_tasks(current));
        story.prepared().returned(OK, EVENT).told(ShutdownMethod::NotifyProcessShutdown)
    };
    let cancel = HResult::MAPI_E_USER_CANCEL;
    let several = (1..=20).fold(story(), |story, number| {
        task.store(number, Ordering::Relaxed);
        story.progress(1, 100)
    });
    several.done(EVENT, cancel).closed().holds();
    let story = story().progress(1, 100).progress(1, 100);
    let story = story.done(EVENT, cancel).closed();
    let violation = &story.monitor.finish()[0];
    assert_eq!(violation.rule, Rule::SHUTDOWN_STOPS_WORK);
    // The notice, and the two calls.
    let calls: Vec<String> = violation.calls.iter().map(ToString::to_string).collect();
    let expected = [
        "0 ms, the store: NotifyProcessShutdown returned S_OK",
        "0 ms, sync 1, call 1: Progress(\"Inbox\", 1, 100)",
        "0 ms, sync 1, call 2: Progress(\"Inbox\", 1, 100)",
    ];
    assert_eq!(calls, expected);
}

#[test]
fn no_sync_starts_after_the_notice() {
    let start = |result, event| {
        let first = Story::started().done(EVENT, OK).closed();
        let first = first.told(ShutdownMethod::NotifyProcessShutdown);
        let (monitor, clock) = (first.monitor, first.clock);
        let sync = monitor.request_sync();
        let second = Story { monitor, sync, clock }.and(Call::Start { flags: SyncFlags::empty() });
        if HResult::is_success(result) {
            let second = second.prepared().returned(result, event);
            second.done(event, HResult::MAPI_E_USER_CANCEL).closed().breaks()
        } else {
            second.returned(result, event).breaks()
        }
    };
    assert_eq!(start(OK, EVENT), [Rule::SHUTDOWN_STOPS_WORK]);
    assert_eq!(start(HResult::MAPI_E_END_OF_SESSION, RawEvent::NULL), []);
    // One that was under way may succeed.
    let story = Story::new(Policy::default()).prepared();
    let story = story.told(ShutdownMethod::NotifyProcessShutdown).returned(OK, EVENT);
    story.done(EVENT, HResult::MAPI_E_USER_CANCEL).closed().holds();
}

#[test]
fn shutdown_quiet() {
    let exiting = || Story::started().progress(1, 2).told(ShutdownMethod::DoFastShutdown);
    let error = Call::Error { result: HResult::E_FAIL, text: Some("lost") };
    let done = Call::Done { event: EVENT, status: HResult::E_FAIL };
    for call in [progress(2, 2), error, done] {
        assert_eq!(exiting().call(call).breaks(), [Rule::SHUTDOWN_QUIET], "{call}");
    }
    // A call that began before may return afterwards.
    let story = Story::started();
    let number = story.sync.observe(progress(1, 2)).expect("a callback has a number");
    let story = story.told(ShutdownMethod::DoFastShutdown);
    story.and(Call::Ended { call: number, answer: Answer::Returned(OK) }).holds();
}

#[test]
fn nothing_is_owed_once_the_process_exits() {
    let exit = ShutdownMethod::DoFastShutdown;
    // No Done, no answer to a cancel, no event, no release, no close.
    Story::started().told(exit).holds();
    Story::started().and(Call::CancelRequested).told(exit).later(1_000_000).holds();
    Story::started().done(EVENT, OK).told(exit).holds();
    Story::started().told(exit).quiet().holds();
    let failed = Answer::Returned(HResult::E_FAIL);
    Story::started().answered(progress(1, 2), failed).told(exit).holds();
    // What was wrong before stays wrong.
    let twice = Story::started().done(EVENT, OK).done(EVENT, OK).told(exit);
    assert_eq!(twice.breaks()[0], Rule::DONE_ONCE);
}

#[test]
fn calls_of_the_store_are_logged_once() {
    let story = Story::of(MonitorConfig::default().with_log(true));
    let story = story.prepared().returned(OK, EVENT);
    let second = story.monitor.request_sync();
    second.observe(Call::Start { flags: SyncFlags::empty() });
    let before = story.monitor.log().len();
    let story = story.told(ShutdownMethod::QueryFastShutdown);
    let log: Vec<String> = story.monitor.log()[before..].iter().map(ToString::to_string).collect();
    let expected = [
        "0 ms, the store: QueryFastShutdown()",
        "0 ms, the store: QueryFastShutdown returned S_OK",
    ];
    assert_eq!(log, expected);
}

//! Each rule: how it is broken, and what comes near without breaking it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mapi_sync::contract::{
    Answer, Call, CallId, Monitor, MonitorConfig, OnViolation, Party, Policy, Rule, SyncWatch,
    VirtualClock,
};
use mapi_sync::{HResult, RawEvent, ShutdownMethod, SyncFlags};

const EVENT: RawEvent = RawEvent::from_value(4);
const PRIVATE: RawEvent = RawEvent::from_value(8);
const OTHER: RawEvent = RawEvent::from_value(12);
const OK: HResult = HResult::S_OK;

/// One sync as a monitor sees it, call by call.
struct Story {
    monitor: Monitor,
    sync: SyncWatch,
    clock: VirtualClock,
}

impl Story {
    fn new(policy: Policy) -> Self {
        Self::of(MonitorConfig::default().with_policy(policy))
    }

    fn of(config: MonitorConfig) -> Self {
        let clock = VirtualClock::new();
        let monitor = Monitor::new(config, clock.clone());
        monitor.watch_host();
        let sync = monitor.request_sync();
        Self { monitor, sync, clock }.and(Call::Start { flags: SyncFlags::BACKGROUND })
    }

    /// Up to the return of a start that does everything right.
    fn started() -> Self {
        Self::started_under(Policy::default())
    }

    fn started_under(policy: Policy) -> Self {
        Self::new(policy).prepared().returned(OK, EVENT)
    }

    fn prepared(self) -> Self {
        self.and(Call::Queried)
            .and(Call::EventCreated { event: EVENT })
            .and(Call::EventDuplicated { by: Party::Provider, from: EVENT, event: PRIVATE })
            .and(Call::EventPublished { event: EVENT })
    }

    fn and(self, call: Call<&str>) -> Self {
        self.sync.observe(call);
        self
    }

    fn later(self, ms: u64) -> Self {
        self.clock.set(self.clock.now() + ms);
        self
    }

    /// A method of shutdown is called, and returns.
    fn told(self, method: ShutdownMethod) -> Self {
        self.monitor.shutdown_called(method);
        self.monitor.shutdown_returned(method, OK);
        self
    }

    fn returned(self, result: HResult, event: RawEvent) -> Self {
        self.and(Call::StartReturned { result, event })
    }

    /// A callback that begins and ends.
    fn call(self, call: Call<&str>) -> Self {
        self.answered(call, Answer::Returned(OK))
    }

    fn answered(self, call: Call<&str>, answer: Answer) -> Self {
        let number = self.sync.observe(call).expect("a callback has a number");
        self.and(Call::Ended { call: number, answer })
    }

    fn progress(self, index: u32, index_max: u32) -> Self {
        self.call(progress(index, index_max))
    }

    fn done(self, event: RawEvent, status: HResult) -> Self {
        self.call(Call::Done { event, status })
    }

    /// What follows a Done that was given the event, done right.
    fn closed(self) -> Self {
        self.and(Call::EventClosed { by: Party::Host, event: EVENT }).quiet()
    }

    /// What the provider does last.
    fn quiet(self) -> Self {
        self.and(Call::Release)
            .and(Call::EventSet { by: Party::Provider, event: PRIVATE })
            .and(Call::EventClosed { by: Party::Provider, event: PRIVATE })
    }

    fn breaks(self) -> Vec<Rule> {
        self.monitor.finish().iter().map(|violation| violation.rule).collect()
    }

    #[track_caller]
    fn holds(self) {
        assert_eq!(self.monitor.finish(), []);
    }
}

fn progress<'a>(index: u32, index_max: u32) -> Call<&'a str> {
    Call::Progress { text: Some("Inbox"), index, index_max }
}

fn error<'a>(result: HResult) -> Call<&'a str> {
    Call::Error { result, text: Some("it failed") }
}

#[test]
fn the_usual_syncs_hold() {
    Story::started().progress(0, 2).progress(1, 2).progress(2, 2).done(EVENT, OK).closed().holds();
    // Done before the start returned, as a fast worker does it.
    Story::new(Policy::default())
        .prepared()
        .progress(1, 1)
        .done(EVENT, OK)
        .closed()
        .returned(OK, EVENT)
        .holds();
    // Done(NULL): the host waits, then closes.
    Story::started()
        .done(RawEvent::NULL, OK)
        .quiet()
        .and(Call::EventWaited { by: Party::Host, event: EVENT })
        .and(Call::EventClosed { by: Party::Host, event: EVENT })
        .holds();
    // No progress at all, or with a maximum of 0.
    Story::started().done(EVENT, OK).closed().holds();
    Story::started().progress(0, 0).done(EVENT, OK).closed().holds();
    // A start that fails and cleans up.
    Story::new(Policy::default())
        .prepared()
        .and(Call::EventPublished { event: RawEvent::NULL })
        .and(Call::EventClosed { by: Party::Provider, event: EVENT })
        .and(Call::EventClosed { by: Party::Provider, event: PRIVATE })
        .and(Call::Release)
        .returned(HResult::E_OUTOFMEMORY, RawEvent::NULL)
        .holds();
}

#[test]
fn done_once() {
    assert_eq!(
        Story::started().done(EVENT, OK).done(EVENT, OK).closed().breaks(),
        [Rule::DONE_ONCE]
    );
    let never = Story::started().progress(1, 2).quiet().monitor.finish();
    assert!(never.iter().any(|violation| violation.rule == Rule::DONE_ONCE));
    assert_eq!(never[0].calls.last().unwrap().number, None, "the release came too early");
}

#[test]
fn done_last() {
    let story = Story::started();
    let open = story.sync.observe(progress(1, 1)).unwrap();
    let story = story
        .done(EVENT, OK)
        .and(Call::Ended { call: open, answer: Answer::Returned(OK) })
        .closed();
    let violations = story.monitor.finish();
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].rule, Rule::DONE_LAST);
    let calls: Vec<_> = violations[0].calls.iter().map(ToString::to_string).collect();
    let expected = [
        "0 ms, sync 1, call 1: Progress(\"Inbox\", 1, 1)",
        "0 ms, sync 1, call 2: Done(event 0x4, S_OK)",
    ];
    assert_eq!(calls, expected);

    let story = Story::started().done(EVENT, OK).progress(1, 1).closed();
    assert_eq!(story.breaks(), [Rule::DONE_LAST]);
    let story = Story::started().done(EVENT, OK).call(error(HResult::E_FAIL)).closed();
    assert_eq!(story.breaks(), [Rule::DONE_LAST]);
}

#[test]
fn no_call_on_failed_start() {
    let failed = |story: Story| {
        story
            .and(Call::EventPublished { event: RawEvent::NULL })
            .and(Call::Release)
            .returned(HResult::E_FAIL, RawEvent::NULL)
    };
    let before = failed(Story::new(Policy::default()).prepared().call(error(HResult::E_FAIL)));
    assert_eq!(before.breaks(), [Rule::NO_CALL_ON_FAILED_START]);
    let after =
        failed(Story::new(Policy::default()).prepared()).done(RawEvent::NULL, HResult::E_FAIL);
    assert!(after.breaks().contains(&Rule::NO_CALL_ON_FAILED_START));
    let left = Story::new(Policy::default())
        .prepared()
        .and(Call::Release)
        .returned(HResult::E_FAIL, EVENT);
    assert_eq!(left.breaks(), [Rule::NO_CALL_ON_FAILED_START]);
}

#[test]
fn event_published() {
    let story = Story::new(Policy::default()).and(Call::Queried).returned(OK, RawEvent::NULL);
    assert_eq!(story.done(RawEvent::NULL, OK).and(Call::Release).breaks(), [Rule::EVENT_PUBLISHED]);
    let invented =
        Story::new(Policy::default()).and(Call::Queried).and(Call::EventPublished { event: OTHER });
    assert_eq!(invented.breaks()[0], Rule::EVENT_PUBLISHED);
    let closed = Story::new(Policy::default())
        .prepared()
        .and(Call::EventClosed { by: Party::Provider, event: EVENT })
        .returned(OK, EVENT);
    assert_eq!(closed.breaks()[0], Rule::EVENT_PUBLISHED);
    let late = Story::new(Policy::default())
        .and(Call::Queried)
        .and(Call::EventCreated { event: EVENT })
        .returned(OK, RawEvent::NULL)
        .and(Call::EventPublished { event: EVENT });
    assert_eq!(late.breaks()[0], Rule::EVENT_PUBLISHED);
    let given_away = Story::new(Policy::default())
        .and(Call::Queried)
        .and(Call::EventCreated { event: EVENT })
        .done(EVENT, OK)
        .and(Call::EventPublished { event: EVENT });
    assert_eq!(given_away.breaks()[0], Rule::EVENT_PUBLISHED);
}

#[test]
fn event_after_done() {
    let set = Call::EventSet { by: Party::Provider, event: PRIVATE };
    assert_eq!(
        Story::started().and(set).done(EVENT, OK).closed().breaks(),
        [Rule::EVENT_AFTER_DONE]
    );

    let story = Story::started();
    let done = story.sync.observe(Call::Done { event: EVENT, status: OK }).unwrap();
    let story =
        story.and(set).and(Call::Ended { call: done, answer: Answer::Returned(OK) }).closed();
    assert_eq!(story.breaks(), [Rule::EVENT_AFTER_DONE]);

    let never = Story::started()
        .done(EVENT, OK)
        .and(Call::EventClosed { by: Party::Host, event: EVENT })
        .and(Call::Release)
        .and(Call::EventClosed { by: Party::Provider, event: PRIVATE });
    assert_eq!(never.breaks(), [Rule::EVENT_AFTER_DONE]);
}

#[test]
fn event_same() {
    let story = Story::started().and(Call::EventCreated { event: OTHER }).done(OTHER, OK);
    assert_eq!(story.closed().breaks(), [Rule::EVENT_SAME]);
    let early = Story::new(Policy::default())
        .and(Call::Queried)
        .and(Call::EventCreated { event: EVENT })
        .and(Call::EventDuplicated { by: Party::Provider, from: EVENT, event: PRIVATE })
        .done(OTHER, OK)
        .and(Call::EventPublished { event: EVENT })
        .returned(OK, EVENT);
    assert_eq!(early.closed().breaks(), [Rule::EVENT_SAME]);
}

#[test]
fn event_owner() {
    let uses = [
        Call::EventSet { by: Party::Provider, event: EVENT },
        Call::EventClosed { by: Party::Provider, event: EVENT },
        Call::EventWaited { by: Party::Provider, event: EVENT },
        Call::EventDuplicated { by: Party::Provider, from: EVENT, event: OTHER },
    ];
    for touch in uses {
        let story = Story::started().done(EVENT, OK).and(touch).closed();
        assert_eq!(story.breaks(), [Rule::EVENT_OWNER], "{touch}");
    }
    // The kernel gave the value of the closed handle out again: that is another handle.
    Story::started()
        .done(EVENT, OK)
        .closed()
        .and(Call::EventCreated { event: EVENT })
        .and(Call::EventSet { by: Party::Provider, event: EVENT })
        .holds();
}

#[test]
fn event_closed_once() {
    let close = Call::EventClosed { by: Party::Host, event: EVENT };
    assert_eq!(
        Story::started().done(EVENT, OK).and(close).closed().breaks(),
        [Rule::EVENT_CLOSED_ONCE]
    );
    assert_eq!(Story::started().done(EVENT, OK).quiet().breaks(), [Rule::EVENT_CLOSED_ONCE]);
    assert_eq!(
        Story::started().and(close).done(EVENT, OK).quiet().breaks(),
        [Rule::EVENT_CLOSED_ONCE]
    );
    assert_eq!(
        Story::started().done(RawEvent::NULL, OK).and(close).quiet().breaks(),
        [Rule::EVENT_CLOSED_ONCE]
    );
    // Inside Done is soon enough.
    let story = Story::started();
    let done = story.sync.observe(Call::Done { event: EVENT, status: OK }).unwrap();
    story.and(close).and(Call::Ended { call: done, answer: Answer::Returned(OK) }).quiet().holds();
}

#[test]
fn progress_rules() {
    let end = |story: Story| story.done(EVENT, HResult::MAPI_E_OFFLINE).closed().breaks();
    assert_eq!(end(Story::started().progress(3, 2)), [Rule::PROGRESS_RANGE]);
    assert_eq!(end(Story::started().progress(2, 4).progress(1, 4)), [Rule::PROGRESS_FORWARD]);
    assert_eq!(end(Story::started().progress(4, 4).progress(3, 4)), [Rule::PROGRESS_COMPLETE]);
    assert_eq!(
        end(Story::started().progress(2, 4).progress(1, 3)),
        [],
        "another maximum is another phase"
    );
    assert_eq!(
        end(Story::started().progress(4, 4).progress(0, 4)),
        [],
        "a phase may have the size of the last"
    );
    assert_eq!(
        Story::started().progress(1, 4).done(EVENT, OK).closed().breaks(),
        [Rule::PROGRESS_COMPLETE]
    );
}

#[test]
fn error_rules() {
    let end = |story: Story| story.done(EVENT, HResult::E_FAIL).closed().breaks();
    assert_eq!(end(Story::started().call(error(OK))), [Rule::ERROR_CODE]);
    let mute = Call::Error { result: HResult::E_FAIL, text: None };
    assert_eq!(end(Story::started().call(mute)), [Rule::ERROR_TEXT]);
    assert_eq!(
        end(Story::started().call(error(HResult::MAPI_W_NO_SERVICE)).call(error(HResult::E_FAIL))),
        []
    );
}

#[test]
fn status_honest() {
    for (status, honest) in [
        (OK, false),
        (HResult::MAPI_W_NO_SERVICE, false),
        (HResult::MAPI_W_ERRORS_RETURNED, true),
        (HResult::MAPI_W_PARTIAL_COMPLETION, true),
        (HResult::E_FAIL, true),
    ] {
        let broken = Story::started()
            .call(error(HResult::MAPI_E_NETWORK_ERROR))
            .done(EVENT, status)
            .closed()
            .breaks();
        assert_eq!(broken.is_empty(), honest, "{status}");
    }
    Story::started().call(error(HResult::MAPI_W_NO_SERVICE)).done(EVENT, OK).closed().holds();
}

#[test]
fn callback_held() {
    let without_query = Story::new(Policy::default())
        .and(Call::EventCreated { event: EVENT })
        .and(Call::EventDuplicated { by: Party::Provider, from: EVENT, event: PRIVATE })
        .and(Call::EventPublished { event: EVENT })
        .returned(OK, EVENT);
    assert_eq!(without_query.breaks()[0], Rule::CALLBACK_HELD);
    assert_eq!(
        Story::started().and(Call::Release).done(EVENT, OK).breaks()[0],
        Rule::CALLBACK_HELD
    );
    assert_eq!(
        Story::started().done(EVENT, OK).closed().and(Call::Release).breaks(),
        [Rule::CALLBACK_HELD]
    );
    assert_eq!(
        Story::started().and(Call::AddRef).done(EVENT, OK).closed().breaks(),
        [Rule::CALLBACK_HELD]
    );
    Story::started().and(Call::AddRef).and(Call::Release).done(EVENT, OK).closed().holds();
    let after = Story::started().done(EVENT, OK).closed().progress(1, 1);
    assert!(after.breaks().contains(&Rule::CALLBACK_HELD));
}

#[test]
fn strings_copied() {
    let read = Call::TextRead { call: CallId(1) };
    let story = Story::started().progress(1, 1).and(read).done(EVENT, OK).closed();
    assert_eq!(story.breaks(), [Rule::STRINGS_COPIED]);
    let story = Story::started();
    let open = story.sync.observe(progress(1, 1)).unwrap();
    story
        .and(read)
        .and(Call::Ended { call: open, answer: Answer::Returned(OK) })
        .done(EVENT, OK)
        .closed()
        .holds();
}

#[test]
fn host_error_survived() {
    for answer in [Answer::Returned(HResult::E_FAIL), Answer::Panicked] {
        let lost = Story::started().answered(progress(1, 2), answer);
        // That no Done came is said by the rule for what cost it.
        assert_eq!(lost.breaks(), [Rule::HOST_ERROR_SURVIVED]);
        let unheld = Policy::default().without(Rule::HOST_ERROR_SURVIVED);
        let lost = Story::started_under(unheld).answered(progress(1, 2), answer);
        assert_eq!(lost.breaks(), [Rule::DONE_ONCE]);
        Story::started().answered(progress(1, 1), answer).done(EVENT, OK).closed().holds();
    }
}

#[test]
fn cancel_answered() {
    let cancelled = |status| {
        Story::started()
            .progress(1, 9)
            .and(Call::CancelRequested)
            .progress(2, 9)
            .done(EVENT, status)
    };
    cancelled(HResult::MAPI_E_USER_CANCEL).closed().holds();
    cancelled(HResult::E_UNEXPECTED).closed().holds();
    // A sync that fails by itself meanwhile says what failed, by its code or by an Error.
    cancelled(HResult::MAPI_E_DISK_ERROR).closed().holds();
    for silent in [HResult::E_FAIL, HResult::MAPI_E_CANCEL] {
        assert_eq!(cancelled(silent).closed().breaks(), [Rule::CANCEL_ANSWERED]);
        let reported = Story::started()
            .and(Call::CancelRequested)
            .call(error(HResult::MAPI_E_DISK_ERROR))
            .done(EVENT, silent);
        reported.closed().holds();
    }
    // It is not complete.
    let partial = cancelled(HResult::MAPI_W_PARTIAL_COMPLETION).closed();
    assert_eq!(partial.breaks(), [Rule::CANCEL_ANSWERED]);

    // Already complete, or crossed by the last report on its way.
    Story::started().progress(3, 3).and(Call::CancelRequested).done(EVENT, OK).closed().holds();
    Story::started()
        .progress(1, 3)
        .and(Call::CancelRequested)
        .progress(3, 3)
        .done(EVENT, OK)
        .closed()
        .holds();

    let late = Story::started()
        .and(Call::CancelRequested)
        .later(10_001)
        .done(EVENT, HResult::MAPI_E_USER_CANCEL);
    assert_eq!(late.closed().breaks(), [Rule::CANCEL_ANSWERED]);
    let just = Story::started()
        .and(Call::CancelRequested)
        .later(10_000)
        .done(EVENT, HResult::MAPI_E_USER_CANCEL);
    just.closed().holds();

    // A code from the host is a request as well.
    let asked = Answer::Returned(HResult::MAPI_W_CANCEL_MESSAGE);
    let story = Story::started().answered(progress(1, 9), asked);
    let answered = story.done(EVENT, HResult::E_FAIL).closed();
    assert_eq!(answered.breaks(), [Rule::CANCEL_ANSWERED]);
    // Calls cannot show that the cancel cost the Done.
    let never = |policy| Story::started_under(policy).answered(progress(1, 9), asked).breaks();
    assert_eq!(never(Policy::default()), [Rule::DONE_ONCE]);
    let unheld = Policy::default().without(Rule::DONE_ONCE);
    assert_eq!(never(unheld), [Rule::CANCEL_ANSWERED]);
}

#[test]
fn work_that_was_finished_despite_a_cancel_may_end_with_success() {
    let finished = |story: Story, pieces: u32| {
        let story = story.progress(0, pieces).and(Call::CancelRequested);
        (1..=pieces).fold(story, |story, piece| story.progress(piece, pieces)).done(EVENT, OK)
    };
    finished(Story::started(), 8).closed().holds();
    let violations = finished(Story::started(), 9).closed().monitor.finish();
    let [violation] = &violations[..] else { panic!("one rule is broken: {violations:?}") };
    assert_eq!(violation.rule, Rule::CANCEL_ANSWERED);
    assert!(violation.message.contains("9 calls of Progress"), "{}", violation.message);
    assert!(violation.message.contains("done_or_cancelled"), "{}", violation.message);

    let strict = || Policy::default().with_progress_after_cancel(1);
    finished(Story::started_under(strict()), 1).closed().holds();
    let broken = finished(Story::started_under(strict()), 2).closed().breaks();
    assert_eq!(broken, [Rule::CANCEL_ANSWERED]);
}

#[test]
fn each_task_may_finish_one_piece_after_a_cancel() {
    // The task of each Progress after the request.
    let tasks = |tasks: &[u64]| {
        let current = Arc::new(AtomicU64::new(0));
        let shown = Arc::clone(&current);
        let config = MonitorConfig::default()
            .with_tasks(move || Some(shown.load(Ordering::Relaxed)))
            .with_policy(Policy::default().with_progress_after_cancel(0));
        let pieces = u32::try_from(tasks.len()).unwrap();
        let mut story = Story::of(config).prepared().returned(OK, EVENT);
        story = story.progress(0, pieces).and(Call::CancelRequested);
        for (task, piece) in tasks.iter().zip(1..) {
            current.store(*task, Ordering::Relaxed);
            story = story.progress(piece, pieces);
        }
        story.done(EVENT, OK).closed()
    };
    tasks(&[1]).holds();
    tasks(&(1..=20).collect::<Vec<_>>()).holds();
    assert_eq!(tasks(&[1, 2, 1]).breaks(), [Rule::CANCEL_ANSWERED]);
}

#[test]
fn time_of_the_host_inside_callbacks_does_not_count_against_a_cancel() {
    // In the call that was in flight when the request came, and in two that overlap after it.
    let slow = |own_ms: u64| {
        let story = Story::started();
        let first = story.sync.observe(progress(1, 1)).unwrap();
        let ended = |call| Call::Ended { call, answer: Answer::Returned(OK) };
        let story = story.later(30_000).and(Call::CancelRequested).later(30_000);
        let second = story.sync.observe(error(HResult::MAPI_W_ERRORS_RETURNED)).unwrap();
        let story = story.later(10_000).and(ended(first)).later(20_000).and(ended(second));
        story.later(own_ms).done(EVENT, HResult::MAPI_E_USER_CANCEL).closed()
    };
    slow(10_000).holds();
    let violations = slow(10_001).monitor.finish();
    let [violation] = &violations[..] else { panic!("one rule is broken: {violations:?}") };
    assert_eq!(violation.rule, Rule::CANCEL_ANSWERED);
    assert!(violation.message.contains("10001 ms after"), "{}", violation.message);
    assert!(violation.message.contains("60000 ms of the host's own"), "{}", violation.message);
}

#[test]
fn host_is_not_blamed_for_an_event_that_never_comes() {
    let story = Story::started()
        .done(EVENT, OK)
        .and(Call::EventWaited { by: Party::Host, event: EVENT })
        .and(Call::Release);
    assert_eq!(story.breaks(), [Rule::EVENT_AFTER_DONE]);
}

#[test]
fn event_that_is_signalled_before_it_is_published_was_signalled() {
    let set = Call::EventSet { by: Party::Provider, event: PRIVATE };
    let early = |set_before_done: bool| {
        let story = Story::new(Policy::default())
            .and(Call::Queried)
            .and(Call::EventCreated { event: EVENT })
            .and(Call::EventDuplicated { by: Party::Provider, from: EVENT, event: PRIVATE });
        let story = if set_before_done {
            story.and(set).done(RawEvent::NULL, OK)
        } else {
            story.done(RawEvent::NULL, OK).and(set)
        };
        story
            .and(Call::EventClosed { by: Party::Provider, event: PRIVATE })
            .and(Call::EventPublished { event: EVENT })
            .returned(OK, EVENT)
            .and(Call::EventClosed { by: Party::Host, event: EVENT })
            .and(Call::Release)
    };
    let violations = early(true).monitor.finish();
    let [violation] = &violations[..] else { panic!("one rule is broken: {violations:?}") };
    assert_eq!(violation.rule, Rule::EVENT_AFTER_DONE);
    assert_eq!(
        violation.message,
        "the event was signalled before it was published, and before Done"
    );
    // A Done without the handle may come before anything is published.
    early(false).holds();
}

#[test]
fn sync_of_which_only_the_callback_is_seen_works_from_its_first_call() {
    let silence = |ms: u64| {
        let clock = VirtualClock::new();
        clock.set(90_000);
        let monitor = Monitor::new(MonitorConfig::default(), clock.clone());
        let sync = monitor.callback_sync();
        sync.begin(progress(1, 1)).end(OK);
        clock.set(90_000 + ms);
        sync.begin(Call::Done { event: EVENT, status: OK }).end(OK);
        monitor.finish().iter().map(|violation| violation.rule).collect::<Vec<_>>()
    };
    assert_eq!(silence(60_000), []);
    assert_eq!(silence(60_001), [Rule::BOUNDED_SILENCE]);
}

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

#[test]
fn overlap() {
    let second = |result, event| {
        let first = Story::started();
        let sync = first.monitor.request_sync();
        sync.observe(Call::Start { flags: SyncFlags::empty() });
        sync.observe(Call::Queried);
        if event == OTHER {
            sync.observe(Call::EventCreated { event });
        }
        if HResult::is_success(result) {
            sync.observe(Call::EventPublished { event });
        } else {
            sync.observe(Call::Release);
        }
        let event = if result.is_success() { event } else { RawEvent::NULL };
        sync.observe(Call::StartReturned { result, event });
        let first = first.done(EVENT, OK).closed();
        first.breaks().into_iter().filter(|rule| *rule == Rule::OVERLAP).count()
    };
    assert_eq!(second(HResult::MAPI_E_BUSY, RawEvent::NULL), 0);
    assert_eq!(second(HResult::E_OUTOFMEMORY, RawEvent::NULL), 0);
    assert_eq!(second(HResult::E_FAIL, RawEvent::NULL), 1);
    assert_eq!(second(OK, EVENT), 1);
    assert_eq!(second(OK, OTHER), 0);
}

#[test]
fn serial_calls() {
    let story = |policy| {
        let story = Story::started_under(policy);
        let first = story.sync.observe(progress(0, 1)).unwrap();
        let second = story.sync.observe(progress(1, 1)).unwrap();
        [first, second]
            .into_iter()
            .fold(story, |story, call| {
                story.and(Call::Ended { call, answer: Answer::Returned(OK) })
            })
            .done(EVENT, OK)
            .closed()
            .breaks()
    };
    assert_eq!(story(Policy::default()), []);
    assert_eq!(story(Policy::default().with(Rule::SERIAL_CALLS)), [Rule::SERIAL_CALLS]);
}

#[test]
fn bounded_silence() {
    let silent = |ms| {
        Story::started().progress(0, 1).later(ms).progress(1, 1).done(EVENT, OK).closed().breaks()
    };
    assert_eq!(silent(60_000), []);
    assert_eq!(silent(60_001), [Rule::BOUNDED_SILENCE]);
    // A host that keeps a call for long is not the provider's silence.
    let story = Story::started();
    let open = story.sync.observe(progress(1, 1)).unwrap();
    story
        .later(90_000)
        .and(Call::Ended { call: open, answer: Answer::Returned(OK) })
        .done(EVENT, OK)
        .closed()
        .holds();
}

#[test]
fn a_policy_can_leave_rules_out() {
    for rule in Rule::ALL {
        let policy = Policy::default().without(*rule);
        assert!(!policy.holds(*rule));
        assert!(policy.with(*rule).holds(*rule));
    }
    let story = Story::started_under(Policy::default().without(Rule::PROGRESS_RANGE));
    story.progress(9, 2).done(EVENT, HResult::E_FAIL).closed().holds();
}

#[test]
fn a_watched_callback_is_judged_by_its_calls_alone() {
    let monitor = Monitor::new(MonitorConfig::default(), || 0);
    let sync = monitor.callback_sync();
    for call in [progress(1, 1), Call::Done { event: OTHER, status: OK }] {
        let call = sync.observe(call).unwrap();
        sync.observe(Call::Ended { call, answer: Answer::Returned(OK) });
    }
    assert_eq!(monitor.finish(), []);
    assert!(monitor.holds());
}

#[test]
#[should_panic(
    expected = "progress-range (must, provider): position 2 is beyond its maximum 1 [sync 1, 0 ms]"
)]
fn a_monitor_can_panic() {
    let config = MonitorConfig::default().with_on_violation(OnViolation::Panic);
    let monitor = Monitor::new(config, || 0);
    monitor.callback_sync().observe(progress(2, 1));
}

#[test]
fn texts_of_calls_in_flight_are_reported_unchanged() {
    let story = Story::started();
    let first =
        story.sync.observe(Call::Progress { text: Some("Inbox"), index: 0, index_max: 2 }).unwrap();
    let second = story
        .sync
        .observe(Call::Progress { text: Some("Drafts"), index: 1, index_max: 2 })
        .unwrap();
    let story = story.and(Call::Ended { call: second, answer: Answer::Returned(OK) });
    let story = story
        .done(EVENT, HResult::E_FAIL)
        .and(Call::Ended { call: first, answer: Answer::Returned(OK) });
    let violations = story.closed().monitor.finish();
    assert_eq!(violations[0].calls[0].call.to_string(), "Progress(\"Inbox\", 0, 2)");
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// A step of a sync that keeps every rule, whatever the order of such steps.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Advance,
        NextPhase(u32),
        Warning,
        Failure,
        HostFails,
        Wait(u64),
        Hold,
        LetGo,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Advance),
            1 => (0u32..5).prop_map(Step::NextPhase),
            1 => Just(Step::Warning),
            1 => Just(Step::Failure),
            1 => Just(Step::HostFails),
            1 => (0u64..60_000).prop_map(Step::Wait),
            1 => Just(Step::Hold),
            1 => Just(Step::LetGo),
        ]
    }

    proptest! {
        #[test]
        fn a_correct_sync_is_never_accused(
            steps in prop::collection::vec(step(), 0..40),
            null: bool,
        ) {
            let mut story = Story::started();
            let (mut index, mut index_max, mut failed, mut held) = (0, 3, false, 0);
            for step in steps {
                story = match step {
                    Step::Advance => {
                        index = (index + 1).min(index_max);
                        story.progress(index, index_max)
                    }
                    Step::NextPhase(size) => {
                        story = story.progress(index_max, index_max);
                        (index, index_max) = (0, size);
                        story.progress(0, size)
                    }
                    Step::Warning => story.call(error(HResult::MAPI_W_NO_SERVICE)),
                    Step::Failure => {
                        failed = true;
                        story.call(error(HResult::MAPI_E_DISK_ERROR))
                    }
                    Step::HostFails => story.answered(progress(index, index_max), Answer::Panicked),
                    Step::Wait(ms) => story.later(ms).progress(index, index_max),
                    Step::Hold => {
                        held += 1;
                        story.and(Call::AddRef)
                    }
                    Step::LetGo if held > 0 => {
                        held -= 1;
                        story.and(Call::Release)
                    }
                    Step::LetGo => story,
                };
            }
            for _ in 0..held {
                story = story.and(Call::Release);
            }
            let story = story.progress(index_max, index_max);
            let status = if failed { HResult::MAPI_W_ERRORS_RETURNED } else { OK };
            if null {
                let closed = Call::EventClosed { by: Party::Host, event: EVENT };
                story.done(RawEvent::NULL, status).quiet().and(closed).holds();
            } else {
                story.done(EVENT, status).closed().holds();
            }
        }

        /// Any calls in any order cause no panic, and report no rule twice.
        #[test]
        fn any_story_is_judged_without_a_panic(
            calls in prop::collection::vec((0u32..16, 0u32..4, 0u32..4), 0..60),
        ) {
            let mut story = Story::new(Policy::default().with(Rule::SERIAL_CALLS));
            for (what, a, b) in calls {
                let event = RawEvent::from_value(a as usize * 4);
                let by = if b % 2 == 0 { Party::Host } else { Party::Provider };
                let result = HResult::from_bits(if b == 0 { 0 } else { 0x8004_0100 + b });
                let call = match what {
                    0 => Call::Queried,
                    1 => Call::AddRef,
                    2 => Call::Release,
                    3 => Call::Error { result, text: Some("text") },
                    4 => Call::Error { result, text: None },
                    5 => Call::Done { event, status: result },
                    6 => Call::Ended { call: CallId(a), answer: Answer::Returned(result) },
                    7 => Call::Ended { call: CallId(a), answer: Answer::Panicked },
                    8 => Call::EventCreated { event },
                    9 => {
                        let duplicate = RawEvent::from_value(b as usize * 4);
                        Call::EventDuplicated { by, from: event, event: duplicate }
                    }
                    10 => Call::EventPublished { event },
                    11 => Call::EventSet { by, event },
                    12 => Call::EventClosed { by, event },
                    13 => Call::CancelRequested,
                    14 => Call::StartReturned { result, event },
                    _ => progress(a, b),
                };
                story = story.and(call).later(u64::from(a));
            }
            let mut rules = story.breaks();
            let found = rules.len();
            rules.sort();
            rules.dedup();
            prop_assert_eq!(rules.len(), found);
        }
    }
}

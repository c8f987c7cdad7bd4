//! Policies, and how a monitor is mounted.

use super::*;

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

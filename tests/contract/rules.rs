//! The rules of a sync that runs to its end.

use super::*;

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

//! What comes after a cancel.

use super::*;

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

//! What the monitor allocates: nothing for a legal call with unchanged text, and nothing that
//! outlives its sync.

#[path = "silent/mod.rs"]
mod silent;

use std::sync::Arc;

use allocation_counter::measure;
use futures::FutureExt;
use mapi_sync::contract::{Answer, Call, Monitor, MonitorConfig, Rule, SyncWatch, VirtualClock};
use mapi_sync::{HResult, RawEvent, SyncFlags};
use silent::Silent;

#[test]
fn a_legal_call_with_unchanged_text_allocates_nothing() {
    let monitor = Monitor::new(MonitorConfig::default(), || 0);
    let sync = monitor.request_sync();
    sync.observe(Call::Start { flags: SyncFlags::empty() });
    sync.observe(Call::Queried);
    let event = RawEvent::from_value(4);
    sync.observe(Call::EventCreated { event });
    sync.observe(Call::EventPublished { event });
    sync.observe(Call::StartReturned { result: HResult::S_OK, event });
    let report = |text, index| {
        let call = sync.observe(Call::Progress { text, index, index_max: 1000 }).unwrap();
        sync.observe(Call::Ended { call, answer: Answer::Returned(HResult::S_OK) });
    };
    // The first call is kept, and so is a new text.
    report(Some("Inbox"), 0);
    let counted = measure(|| (1..=1000).for_each(|index| report(Some("Inbox"), index)));
    assert_eq!(counted.count_total, 0);
    let counted = measure(|| report(Some("Drafts"), 1000));
    assert_eq!(counted.count_total, 1);
    let counted = measure(|| (0..100).for_each(|_| report(None, 1000)));
    assert_eq!(counted.count_total, 0);
    assert!(monitor.holds());
}

fn monitors() -> [Monitor; 3] {
    let config = MonitorConfig::default;
    [
        Monitor::new(config(), || 0),
        Monitor::single_threaded(config(), || 0),
        Monitor::single_threaded(config(), VirtualClock::new()),
    ]
}

fn progress(sync: &SyncWatch, text: &str, index: u32) {
    let call = Call::Progress { text: Some(text), index, index_max: 1000 };
    sync.begin(call).end(HResult::S_OK);
}

#[test]
fn a_call_that_its_guard_reports_allocates_nothing() {
    for text in ["", "Inbox", "Sent items of Alice, at home"] {
        for monitor in monitors() {
            let sync = monitor.callback_sync();
            // A new text is kept.
            progress(&sync, text, 0);
            let counted = measure(|| (1..=1000).for_each(|index| progress(&sync, text, index)));
            assert_eq!(counted.count_total, 0, "{text:?}");
            assert!(monitor.holds());
        }
    }
}

#[test]
fn a_single_threaded_monitor_reuses_the_memory_of_the_last_one() {
    let clock = VirtualClock::new();
    let run = || {
        let monitor = Monitor::single_threaded(MonitorConfig::default(), clock.clone());
        let sync = monitor.callback_sync();
        (0..=1000).for_each(|index| progress(&sync, "Inbox", index));
        let done = sync.begin(Call::Done { event: RawEvent::NULL, status: HResult::S_OK });
        done.end(HResult::S_OK);
        drop(sync);
        assert!(monitor.holds());
    };
    run();
    // The monitor itself.
    assert_eq!(measure(run).count_total, 1);
}

/// Calls the host, which answers at once.
fn now(call: impl Future<Output = HResult>) {
    assert_eq!(call.now_or_never(), Some(HResult::S_OK));
}

#[test]
fn a_watched_callback_that_is_done_is_forgotten() {
    for monitor in monitors() {
        let run = || {
            let callback = monitor.watch_callback(Arc::new(Silent));
            now(callback.progress(Some("Inbox"), 1, 1));
            now(callback.done(RawEvent::NULL, HResult::S_OK));
            // Nobody ever calls this one.
            drop(monitor.watch_callback(Arc::new(Silent)));
        };
        (0..10).for_each(|_| run());
        assert_eq!(measure(|| (0..1000).for_each(|_| run())).bytes_current, 0);
        assert!(monitor.finish().is_empty());
    }
}

#[test]
fn a_forgotten_callback_is_still_held_to_the_rules() {
    for monitor in monitors() {
        let callback = monitor.watch_callback(Arc::new(Silent));
        now(callback.done(RawEvent::NULL, HResult::S_OK));
        let owing = monitor.watch_callback(Arc::new(Silent));
        now(owing.progress(Some("Inbox"), 1, 1));
        drop(owing);
        // Forgets the first.
        let unused = monitor.watch_callback(Arc::new(Silent));
        now(callback.done(RawEvent::NULL, HResult::S_OK));
        drop(unused);
        let broken: Vec<_> =
            monitor.finish().into_iter().map(|found| (found.rule, found.sync.0)).collect();
        assert_eq!(broken, [(Rule::DONE_ONCE, 1), (Rule::DONE_ONCE, 2)]);
    }
}

//! A legal call with unchanged text costs the monitor no allocation.

use allocation_counter::measure;
use mapi_sync::contract::{Answer, Call, Monitor, MonitorConfig};
use mapi_sync::{HResult, RawEvent, SyncFlags};

#[test]
fn a_legal_call_with_unchanged_text_allocates_nothing() {
    let monitor = Monitor::new(MonitorConfig::default(), || 0);
    let sync = monitor.request_sync();
    sync.observe(Call::Start { flags: SyncFlags::empty() });
    sync.observe(Call::Queried);
    let event = RawEvent::from_value(4);
    sync.observe(Call::EventCreated { event });
    sync.observe(Call::EventPublished { event });
    sync.returned(HResult::S_OK, event);
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

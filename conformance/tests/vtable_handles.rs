//! A start that publishes an event and fails leaves no handle open. No other test runs in this
//! program, which counts them.

use mapi_sync::com::Provider;
use mapi_sync::{HResult, MapiSync, OwnedEvent, SyncRequest, async_trait};
use mapi_sync_conformance::cpp::{self, Plan};
use mapi_sync_probe::open_handles;

/// Publishes an event and fails.
#[derive(Clone, Copy, Debug)]
enum Fails {
    ByPanic,
    ByCode,
    /// As a correct provider does: it closes the handle.
    AndCloses,
    /// Its own handle to the event is dropped by the unwinding.
    AndDropsByPanic,
}

#[async_trait]
impl MapiSync for Fails {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let event = OwnedEvent::create(request.runtime().events()).expect("an event");
        assert_eq!(request.event_out().publish(event.raw()), HResult::S_OK);
        match self {
            Self::ByPanic => {
                let _ = event.into_raw();
                panic!("as the test asks")
            }
            Self::ByCode => {
                let _ = event.into_raw();
                HResult::MAPI_E_OFFLINE
            }
            Self::AndCloses => HResult::MAPI_E_OFFLINE,
            Self::AndDropsByPanic => panic!("as the test asks"),
        }
    }
}

#[test]
fn failed_starts_leave_no_handle_open() {
    let run = |fails| {
        let (report, calls) = cpp::host(Provider::new(fails).into_sync().into(), &Plan::default());
        assert!(HResult::from_i32(report.start).is_failure());
        assert!(report.out_pointer < 2 && calls.is_empty(), "{fails:?}");
    };
    let all = [Fails::ByPanic, Fails::ByCode, Fails::AndCloses, Fails::AndDropsByPanic];
    all.into_iter().for_each(run);
    for fails in all {
        let before = open_handles();
        (0..20).for_each(|_| run(fails));
        let left = open_handles().saturating_sub(before);
        assert!(left < 10, "{left} handles more after 20 starts: {fails:?}");
    }
}

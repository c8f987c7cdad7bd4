//! What goes wrong in a sync arrives as an event of `tracing` too, and says the same. No other test
//! runs in this program: the subscriber is one of the process.

use std::fmt;
use std::sync::{Arc, Mutex};

use mapi_sync::com::Provider;
use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_conformance::cpp::{self, Plan};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps the level, the target and the message of each event.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<(Level, String, String)>>>);

impl Subscriber for Kept {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("mapi_sync::")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        let metadata = event.metadata();
        let kept = (*metadata.level(), metadata.target().to_owned(), message.0);
        self.0.lock().unwrap().push(kept);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// Each of its syncs ends in a panic.
struct Panics;

#[async_trait]
impl MapiSync for Panics {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            session.progress(Some("Inbox"), 0, 1).await;
            panic!("as the test asks")
        })
    }
}

#[test]
fn an_incident_is_an_event() {
    let kept = Kept::default();
    tracing::subscriber::set_global_default(kept.clone()).expect("the only subscriber");
    let incidents = Arc::new(Mutex::new(Vec::new()));
    let reported = Arc::clone(&incidents);
    let provider = Provider::new(Panics)
        .with_incidents(move |incident| reported.lock().unwrap().push(incident.to_string()));
    let plan = Plan { patience_ms: 10_000, ..Plan::default() };
    let (report, _) = cpp::host(provider.into_sync().into(), &plan);
    assert_eq!((report.dones, report.signalled), (1, 1));

    let incidents = incidents.lock().unwrap();
    assert!(incidents[0].contains("panicked"), "{incidents:?}");
    let expected: Vec<_> = incidents
        .iter()
        .map(|incident| (Level::ERROR, "mapi_sync::com".to_owned(), incident.clone()))
        .collect();
    assert_eq!(*kept.0.lock().unwrap(), expected);
}

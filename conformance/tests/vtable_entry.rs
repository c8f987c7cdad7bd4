//! Every call that the adapter makes to a host is made by a thread that has entered MAPI, the Done
//! that it owes and the last Release among them.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mapi_sync::com::{self, ForeignSync, Inbound, Provider, ThreadEntry, Waited};
use mapi_sync::{
    CallbackRef, CallbackUnknown, HResult, MapiSync, RawEvent, SyncProgressCallback, SyncRequest,
    async_trait,
};
use mapi_sync_conformance::HostFaults;
use mapi_sync_conformance::case;
use mapi_sync_conformance::cpp::{self, Plan};
use mapi_sync_conformance::provider::Scripted;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Stands for MAPIInitialize and MAPIUninitialize.
struct Inside(Arc<AtomicUsize>);

impl Drop for Inside {
    fn drop(&mut self) {
        assert!(INSIDE.replace(false));
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An entry that counts the threads inside.
fn entry() -> (ThreadEntry, Arc<AtomicUsize>) {
    let inside = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&inside);
    let entry = ThreadEntry::new(move || {
        assert!(!INSIDE.replace(true), "a thread enters once");
        count.fetch_add(1, Ordering::SeqCst);
        Inside(Arc::clone(&count))
    });
    (entry, inside)
}

/// A host that notes for each call whether its thread was inside.
#[derive(Default)]
struct Host(Mutex<Vec<(&'static str, bool)>>);

impl Host {
    fn note(&self, method: &'static str) {
        self.0.lock().unwrap().push((method, INSIDE.get()));
    }
}

struct HostUnknown(Arc<Host>);

impl CallbackUnknown for HostUnknown {
    fn query_interface(&self) -> Result<CallbackRef, HResult> {
        self.0.note("QueryInterface");
        Ok(CallbackRef::counted(Arc::clone(&self.0) as _))
    }
}

#[async_trait]
impl SyncProgressCallback for Host {
    async fn progress(&self, _: Option<&str>, _: u32, _: u32) -> HResult {
        self.note("Progress");
        HResult::S_OK
    }

    async fn error(&self, _: HResult, _: Option<&str>) -> HResult {
        self.note("Error");
        HResult::S_OK
    }

    async fn done(&self, _: RawEvent, _: HResult) -> HResult {
        self.note("Done");
        HResult::S_OK
    }

    fn release(&self) {
        self.note("Release");
    }
}

/// A store that notes its starts.
struct Store<F> {
    start: F,
    host: Arc<Host>,
}

#[async_trait]
impl<F: Fn(SyncRequest) -> HResult + Send + Sync> MapiSync for Store<F> {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        self.host.note("start");
        (self.start)(request)
    }
}

/// Runs one sync and returns the calls.
fn calls(start: impl Fn(SyncRequest) -> HResult + Send + Sync + 'static) -> Vec<&'static str> {
    let host = Arc::new(Host::default());
    let (entry, inside) = entry();
    let store = Provider::new(Store { start, host: Arc::clone(&host) })
        .with_thread_entry(entry)
        .with_grace(Duration::from_millis(20))
        .into_sync();
    let callback = Inbound::direct(Arc::new(HostUnknown(Arc::clone(&host))));
    let (started, event) = cpp::start(&store.into(), &callback);
    if started == HResult::S_OK {
        let signalled = com::wait(event, Duration::from_secs(60));
        assert_eq!(signalled, Waited::Signalled);
        assert_eq!(com::events().close(event), HResult::S_OK);
    }
    // The thread has left when the event occurs, or when a start fails.
    assert_eq!(inside.load(Ordering::SeqCst), 0);
    let calls = std::mem::take(&mut *host.0.lock().unwrap());
    let outside: Vec<_> = calls.iter().filter(|(_, inside)| !inside).collect();
    assert!(outside.is_empty(), "{outside:?} of {calls:?}");
    calls.into_iter().map(|(method, _)| method).collect()
}

#[test]
fn every_call_of_a_sync_is_made_inside() {
    let calls = calls(|request| {
        request.start(|session| async move {
            session.progress(Some("Inbox"), 1, 1).await;
            session.done(HResult::S_OK).await
        })
    });
    assert_eq!(calls, ["QueryInterface", "start", "Progress", "Done", "Release"]);
}

#[test]
fn the_owed_done_is_sent_inside() {
    let calls = calls(|_| HResult::S_OK);
    assert_eq!(calls, ["QueryInterface", "start", "Done", "Release"]);
}

#[test]
fn the_done_of_a_dropped_session_is_sent_inside() {
    let calls = calls(|request| {
        request.start(|session| async move {
            drop(session);
            std::future::pending().await
        })
    });
    assert_eq!(calls, ["QueryInterface", "start", "Done", "Release"]);
}

#[test]
fn failed_and_panicked_starts_are_cleaned_up_inside() {
    assert_eq!(calls(|_| HResult::MAPI_E_OFFLINE), FAILED);
    assert_eq!(calls(|_| panic!("as the test asks")), FAILED);
}

const FAILED: [&str; 3] = ["QueryInterface", "start", "Release"];

#[test]
fn a_rescue_enters_too() {
    let (entry, inside) = entry();
    let store = Provider::new(Scripted::new(&case::plain())).with_thread_entry(entry).into_sync();
    let plan = Plan { faults: HostFaults::THROWS_IN_PROGRESS, ..Plan::default() };
    let (report, _) = cpp::host(store.into(), &plan);
    assert_eq!((report.dones, report.references_left, report.signalled), (1, 0, 1));
    // The rescue has left, and the thread that the exception has parked never leaves.
    assert_eq!(inside.load(Ordering::SeqCst), 1);
}

#[test]
fn an_entry_that_fails_fails_the_start() {
    let code = HResult::from_bits(0x8123_4567);
    let entry = ThreadEntry::fallible(move || Err::<(), _>(code));
    assert_eq!(entry.enter().map(drop), Err(code));
    let store = Provider::new(Scripted::new(&case::plain())).with_thread_entry(entry).into_sync();
    let (report, calls) = cpp::host(store.into(), &Plan::default());
    assert_eq!((report.start, report.out_pointer), (code.as_i32(), 1));
    assert_eq!((report.references_left, report.sessions_left), (0, 0));
    assert_eq!(calls, []);
}

/// Notes whether it is dropped inside.
struct Dropped(Arc<Mutex<Vec<bool>>>);

#[async_trait]
impl MapiSync for Dropped {
    async fn synchronize_in_background(&self, _: SyncRequest) -> HResult {
        HResult::MAPI_E_OFFLINE
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(INSIDE.get());
    }
}

#[test]
fn a_foreign_store_is_released_inside() {
    let (entry, inside) = entry();
    let drops = Arc::new(Mutex::new(Vec::new()));
    let store = Provider::new(Dropped(Arc::clone(&drops))).into_sync().into();
    let foreign = ForeignSync::query_entered(&store, entry).expect("IMAPISync");
    drop(store);
    assert!(drops.lock().unwrap().is_empty());
    drop(foreign);
    assert_eq!(*drops.lock().unwrap(), [true]);
    assert_eq!(inside.load(Ordering::SeqCst), 0);
}

#[test]
fn a_foreign_store_is_not_asked_by_a_thread_that_cannot_enter() {
    let store = Provider::new(Dropped(Arc::default())).into_sync().into();
    let fails = ThreadEntry::fallible(|| Err::<(), _>(HResult::MAPI_E_NOT_INITIALIZED));
    let refused = ForeignSync::query_entered(&store, fails).expect_err("no thread can enter");
    assert_eq!(refused, HResult::MAPI_E_NOT_INITIALIZED);
}

#[test]
fn threads_of_the_providers_enter_by_themselves() {
    let (entry, inside) = entry();
    std::thread::spawn(move || {
        let entered = entry.enter().expect("it does not fail");
        assert!(INSIDE.get());
        drop(entered);
        assert!(!INSIDE.get());
    })
    .join()
    .expect("no panic");
    assert_eq!(inside.load(Ordering::SeqCst), 0);
}

#[cfg(windows)]
#[test]
fn mapi_of_the_system_is_entered_on_each_thread() {
    let entry = ThreadEntry::mapi().expect("mapi32.dll");
    let store =
        Provider::new(Scripted::new(&case::plain())).with_thread_entry(entry.clone()).into_sync();
    // Wine has the functions, and no mail client behind them.
    let expected = match entry.enter().map(drop) {
        Ok(()) => (0, 1, 1),
        Err(code) => (code.as_i32(), 0, 0),
    };
    for _ in 0..3 {
        let (report, _) = cpp::host(store.clone().into(), &Plan::default());
        assert_eq!((report.start, report.dones, report.signalled), expected);
        assert_eq!((report.references_left, report.sessions_left), (0, 0));
    }
}

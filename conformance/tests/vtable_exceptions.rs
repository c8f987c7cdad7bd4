//! Exceptions out of the `IUnknown` of a host or a store: the process goes on, the sync ends, and
//! each costs one thread. No other test runs in this program, which counts them.

use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex};

use mapi_sync::HResult;
use mapi_sync::com::{self, ForeignSync, Incident, PARKED_MOST, Provider, parked_threads};
use mapi_sync_conformance::case::{self, Handle, Seen};
use mapi_sync_conformance::cpp::{self, Plan, StoreThrows};
use mapi_sync_conformance::provider::Scripted;
use mapi_sync_conformance::{HostFaults, HostReport};

/// One sync with a host that throws: what the host saw, and the methods that are reported.
fn run(faults: HostFaults) -> (HostReport, Vec<Seen>, Vec<&'static str>) {
    let methods = Arc::new(Mutex::new(Vec::new()));
    let reported = Arc::clone(&methods);
    let store = Provider::new(Scripted::new(&case::plain()))
        .with_incidents(move |incident| {
            if let Incident::Exception { method } = incident {
                reported.lock().unwrap().push(*method);
            }
        })
        .into_sync();
    let plan = Plan { faults, patience_ms: 10_000, ..Plan::default() };
    let (report, calls) = cpp::host(store.into(), &plan);
    let methods = methods.lock().unwrap().clone();
    (report, calls.into_iter().map(|call| call.seen).collect(), methods)
}

/// The start fails, and nothing is left of it.
fn refused(faults: HostFaults, code: HResult) -> Vec<&'static str> {
    let (report, calls, methods) = run(faults);
    assert_eq!((report.start, report.out_pointer), (code.as_i32(), 1));
    assert_eq!((report.held_after_start, report.references_left, report.sessions_left), (0, 0, 0));
    assert_eq!(report.store_before, report.store_after);
    assert_eq!(calls, []);
    methods
}

/// The sync ends after these calls.
fn ends(faults: HostFaults, expected: &[Seen]) -> Vec<&'static str> {
    let (report, calls, methods) = run(faults);
    assert_eq!(calls, expected);
    assert_eq!((report.start, report.dones, report.calls_after_done), (0, 1, 0));
    assert_eq!((report.timed_out, report.signalled, report.signalled_in_done), (0, 1, 0));
    assert_eq!((report.references_left, report.sessions_left), (0, 0));
    assert_eq!(report.released_too_often, 0);
    assert_eq!(report.store_before, report.store_after);
    methods
}

#[test]
fn exceptions_out_of_unknown_cost_a_thread_each() {
    let plain = case::plain().calls;
    let failed = HResult::E_UNEXPECTED;

    let methods = refused(HostFaults::THROWS_IN_QUERY, failed);
    assert_eq!(methods, ["IUnknown::QueryInterface"]);
    assert_eq!(parked_threads(), 1);

    let methods = refused(HostFaults::THROWS_IN_SESSION_ADD_REF, failed);
    assert_eq!(methods, ["IUnknown::AddRef"]);
    assert_eq!(parked_threads(), 2);

    let methods = ends(HostFaults::THROWS_IN_SESSION_RELEASE, &plain);
    assert_eq!(methods, ["IUnknown::Release"]);
    assert_eq!(parked_threads(), 3);

    let methods = ends(HostFaults::THROWS_IN_RELEASE, &plain);
    assert_eq!(methods, ["IUnknown::Release"]);
    assert_eq!(parked_threads(), 4);

    let all =
        HostFaults::THROWS_IN_PROGRESS | HostFaults::THROWS_IN_DONE | HostFaults::THROWS_IN_RELEASE;
    let methods = ends(all, &[plain[0].clone(), Seen::Done(Handle::Published, failed)]);
    assert_eq!(
        methods,
        [
            "IMAPISyncProgressCallback::Progress",
            "IMAPISyncProgressCallback::Done",
            "IUnknown::Release"
        ]
    );
    assert_eq!(parked_threads(), 7);

    // The same for a store.
    let answers = [HResult::S_OK; 3];
    let store = cpp::throwing_store(answers, StoreThrows::InQuery);
    assert_eq!(ForeignSync::query(&store).expect_err("it throws"), failed);
    assert_eq!(parked_threads(), 8);
    // And for the object that a host passes as its callback.
    assert_eq!(com::query_callback(&store).expect_err("it throws"), failed);
    assert_eq!(parked_threads(), 9);
    // Our own drop of it would end the process.
    let store = ManuallyDrop::new(cpp::throwing_store(answers, StoreThrows::InRelease));
    let sync = ForeignSync::query(&store).expect("the interface");
    assert_eq!(parked_threads(), 9);
    drop(sync);
    // That of IMAPISync, and that of IMAPIProviderShutdown.
    assert_eq!(parked_threads(), 11);

    // What is parked runs code of this module.
    assert_eq!(com::can_unload_now(), HResult::S_FALSE);
    // A host whose methods all work still gets its syncs.
    ends(HostFaults::empty(), &plain);

    // They are bounded: at some time no sync starts any more.
    while parked_threads() < PARKED_MOST {
        refused(HostFaults::THROWS_IN_QUERY, failed);
    }
    refused(HostFaults::THROWS_IN_QUERY, HResult::E_OUTOFMEMORY);
    refused(HostFaults::empty(), HResult::E_OUTOFMEMORY);
    assert_eq!(parked_threads(), PARKED_MOST);
}

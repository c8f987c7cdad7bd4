//! A C++ store object that takes its IMAPISync from Rust, and COM's rules of identity.

use mapi_sync::com::Provider;
use mapi_sync_conformance::case;
use mapi_sync_conformance::cpp::{self, Plan};
use mapi_sync_conformance::provider::Scripted;

#[test]
fn an_object_of_its_own_has_one_identity() {
    let store = Provider::new(Scripted::new(&case::plain())).into_sync();
    assert_eq!(cpp::check_identity(&store.into()), Ok(()));
}

#[test]
fn a_part_has_the_identity_of_the_whole() {
    let store = cpp::aggregating_store(Provider::new(Scripted::new(&case::plain())));
    assert_eq!(cpp::check_identity(&store), Ok(()));
}

#[test]
fn the_cpp_store_has_one_identity() {
    let store = cpp::store("correct", &case::plain()).expect("a C++ store");
    assert_eq!(cpp::check_identity(&store), Ok(()));
}

#[test]
fn a_part_synchronizes_like_the_whole() {
    for case in [case::plain(), case::next_from_done()] {
        let store = cpp::aggregating_store(Provider::new(Scripted::new(&case)));
        let faults = match case.host.second {
            case::Second::Never => mapi_sync_conformance::HostFaults::empty(),
            _ => mapi_sync_conformance::HostFaults::STARTS_IN_DONE,
        };
        let (report, calls) = cpp::host(store, &Plan { faults, ..Plan::default() });
        let first: Vec<_> = calls.iter().filter(|call| call.sync == 0).collect();
        assert_eq!(first.len(), case.calls.len());
        assert_eq!(report.references_left, 0);
        assert_eq!(report.store_before, report.store_after);
    }
}

#[test]
fn a_running_sync_holds_the_store() {
    let store = cpp::aggregating_store(Provider::new(Scripted::new(&case::releases_early())));
    let faults = mapi_sync_conformance::HostFaults::RELEASES_EARLY;
    let (report, calls) = cpp::host(store, &Plan { faults, ..Plan::default() });
    let calls: Vec<_> = calls.into_iter().map(|call| call.seen).collect();
    assert_eq!(calls, case::plain().calls);
    assert_eq!((report.dones, report.references_left, report.signalled), (1, 0, 1));
}

//! Mistakes that only a foreign host can make: in the MAPISIB, QueryInterface, exceptions and time.

use std::time::{Duration, Instant};

use mapi_sync::HResult;
use mapi_sync::com::{self, Provider};
use mapi_sync_conformance::case::{self, Handle, Seen};
use mapi_sync_conformance::cpp::{self, Call, Plan};
use mapi_sync_conformance::provider::Scripted;
use mapi_sync_conformance::{HostFaults, HostReport};

fn run(faults: HostFaults) -> (HostReport, Vec<Call>) {
    run_case(&case::plain(), Plan { faults, ..Plan::default() })
}

fn run_case(case: &case::Case, plan: Plan) -> (HostReport, Vec<Call>) {
    let store = Provider::new(Scripted::new(case)).into_sync();
    cpp::host(store.into(), &plan)
}

/// Nothing was started: no call, no event, no reference, and the start says why.
fn refused(faults: HostFaults, code: HResult) {
    let (report, calls) = run(faults);
    let expected = HostReport {
        start: code.as_i32(),
        second_start: 1,
        out_pointer: 1,
        store_before: 1,
        store_after: 1,
        references_most: report.references_most,
        start_ms: report.start_ms,
        ..HostReport::default()
    };
    assert_eq!(report, expected);
    assert_eq!(calls, []);
}

fn accepted(faults: HostFaults) {
    let (report, calls) = run(faults);
    assert_eq!(report.start, 0);
    assert_eq!(report.out_pointer, 2);
    assert_eq!(report.references_left, 0);
    assert_eq!(report.signalled, 1);
    let calls: Vec<_> = calls.into_iter().map(|call| call.seen).collect();
    assert_eq!(calls, case::plain().calls);
}

#[test]
fn size_too_small() {
    refused(HostFaults::SIZE_TOO_SMALL, HResult::E_INVALIDARG);
}

#[test]
fn size_zero() {
    refused(HostFaults::SIZE_ZERO, HResult::E_INVALIDARG);
}

#[test]
fn size_larger() {
    accepted(HostFaults::SIZE_LARGER);
}

#[test]
fn null_mapisib() {
    refused(HostFaults::NULL_MAPISIB, HResult::E_INVALIDARG);
}

#[test]
fn null_callback() {
    refused(HostFaults::NULL_CALLBACK, HResult::E_INVALIDARG);
}

#[test]
fn null_event_pointer() {
    refused(HostFaults::NULL_EVENT_POINTER, HResult::E_INVALIDARG);
}

#[test]
fn null_session() {
    accepted(HostFaults::NULL_SESSION);
}

#[test]
fn callback_without_the_interface() {
    refused(HostFaults::NO_INTERFACE, HResult::E_NOINTERFACE);
}

#[test]
fn callback_answers_success_and_null() {
    refused(HostFaults::NULL_INTERFACE, HResult::E_NOINTERFACE);
}

#[test]
fn overwritten_mapisib() {
    accepted(HostFaults::SCRIBBLES);
}

/// The rescue: one Done, references back, the event, from another thread than the one that is lost.
fn thrown(case: &case::Case, faults: HostFaults, expected: &[Seen]) {
    let (report, calls) = run_case(case, Plan { faults, ..Plan::default() });
    let seen: Vec<_> = calls.iter().map(|call| call.seen.clone()).collect();
    assert_eq!(seen, expected);
    assert_eq!(report.start, 0);
    assert_eq!(report.dones, 1);
    assert_eq!(report.calls_after_done, 0);
    assert_eq!(report.signalled, 1);
    assert_eq!(report.signalled_in_done, 0);
    assert_eq!(report.close_failed, 0);
    assert_eq!(report.references_left, 0);
    assert_eq!(report.timed_out, 0);
    assert_eq!(report.sessions_left, 0);
    let done = calls.last().expect("a Done");
    assert!(calls.len() == 1 || done.thread != calls[0].thread);
}

#[test]
fn exception_out_of_progress() {
    let calls = case::plain().calls;
    let expected = [calls[0].clone(), Seen::Done(Handle::Published, HResult::E_UNEXPECTED)];
    thrown(&case::plain(), HostFaults::THROWS_IN_PROGRESS, &expected);
}

#[test]
fn exception_out_of_error() {
    let calls = case::several_errors().calls;
    let expected =
        [calls[0].clone(), calls[1].clone(), Seen::Done(Handle::Published, HResult::E_UNEXPECTED)];
    thrown(&case::several_errors(), HostFaults::THROWS_IN_ERROR, &expected);
}

#[test]
fn exception_out_of_done() {
    // The Done was delivered, so no second one follows.
    let (report, calls) = run(HostFaults::THROWS_IN_DONE);
    let seen: Vec<_> = calls.into_iter().map(|call| call.seen).collect();
    assert_eq!(seen, case::plain().calls);
    assert_eq!((report.dones, report.references_left, report.signalled), (1, 0, 1));
}

#[test]
fn exception_out_of_everything() {
    let faults =
        HostFaults::THROWS_IN_PROGRESS | HostFaults::THROWS_IN_ERROR | HostFaults::THROWS_IN_DONE;
    let (report, calls) = run(faults);
    assert_eq!(calls.len(), 2);
    assert_eq!((report.dones, report.references_left, report.signalled), (1, 0, 1));
}

#[test]
fn start_returns_while_the_callback_blocks_for_seconds() {
    let begin = Instant::now();
    let plan = Plan {
        faults: HostFaults::BLOCKS_IN_PROGRESS | HostFaults::BLOCKS_IN_DONE,
        block_ms: 2000,
        ..Plan::default()
    };
    let (report, calls) = run_case(&case::plain(), plan);
    assert!(begin.elapsed() >= Duration::from_secs(4));
    assert_eq!(calls.len(), case::plain().calls.len());
    assert_eq!((report.dones, report.references_left, report.signalled), (1, 0, 1));
    // Measured inside the host: the call itself, not the sync.
    assert!(report.start_ms < 1000, "the start took {} ms", report.start_ms);
}

#[test]
fn all_calls_of_a_sync_come_on_one_thread_other_than_the_hosts() {
    let (_, calls) = run(HostFaults::empty());
    assert!(calls.iter().all(|call| call.thread == calls[0].thread));
    let (_, second) = run(HostFaults::STARTS_IN_DONE);
    let of = |sync| second.iter().find(|call| call.sync == sync).map(|call| call.thread);
    assert_ne!(of(0), of(1));
}

#[test]
fn panicking_start() {
    let case = case::Case { end: case::End::StartPanics, ..case::plain() };
    let (report, calls) = run_case(&case, Plan::default());
    assert_eq!(report.start, HResult::E_UNEXPECTED.as_i32());
    assert_eq!(report.out_pointer, 1);
    assert_eq!(report.held_after_start, 0);
    assert_eq!(report.references_left, 0);
    assert_eq!(calls, []);
}

/// Stands for MAPIInitialize and MAPIUninitialize.
struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("as the test asks");
    }
}

#[test]
fn panicking_thread_guard() {
    let guarded = |provider: Provider| cpp::host(provider.into_sync().into(), &Plan::default());
    let provider = || Provider::new(Scripted::new(&case::plain()));

    let (report, calls) = guarded(provider().with_thread_guard(|| PanicsInDrop));
    let calls: Vec<_> = calls.into_iter().map(|call| call.seen).collect();
    assert_eq!(calls, case::plain().calls);
    assert_eq!((report.dones, report.references_left, report.signalled), (1, 0, 1));

    let enter = || -> PanicsInDrop { panic!("as the test asks") };
    let (report, calls) = guarded(provider().with_thread_guard(enter));
    assert_eq!(report.start, HResult::E_UNEXPECTED.as_i32());
    assert_eq!((report.out_pointer, report.references_left), (1, 0));
    assert_eq!(calls, []);

    // What the closure itself holds is dropped at the last Release.
    let held = PanicsInDrop;
    let (report, calls) = guarded(provider().with_thread_guard(move || {
        let _ = &held;
    }));
    assert_eq!((report.dones, report.references_left, calls.len()), (1, 0, 5));
}

#[test]
fn workers_and_objects_are_counted() {
    // Other tests run in this process too, so only the objects of this one can be checked.
    let store = Provider::new(Scripted::new(&case::plain())).into_sync();
    assert!(com::live_objects() >= 1);
    drop(store);
}

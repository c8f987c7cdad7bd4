//! The suite's host in C++: for every mount that has Rust as the provider behind a method table.

use mapi_sync::HResult;
use windows_core::IUnknown;

use crate::case::{Answer, Case, Outcome, Second};
use crate::cpp::{self, Plan};
use crate::ffi::HostFaults;

/// Plays the host's part of a case against `store`, and returns the outcome.
///
/// # Panics
///
/// When the host saw what no case allows: a call after Done or without a reference, a Release too
/// many, a store that is held longer than its syncs.
#[must_use]
pub fn run(case: &Case, store: IUnknown) -> Outcome {
    let (report, calls) = cpp::host(store, &plan(case));
    assert_eq!(report.calls_after_done, 0);
    assert_eq!(report.called_without_reference, 0);
    assert_eq!(report.released_too_often, 0);
    assert_eq!(report.timed_out, 0);
    assert_eq!(report.out_pointer, if case.start.is_failure() { 1 } else { 2 });
    assert_eq!(report.sessions_left, 0);
    if case.start.is_failure() {
        assert_eq!(report.held_after_start, 0);
    }
    // Everything is given back when the event occurs, and one who does not wait for it may look too
    // early.
    let waits = !case.host.never_waits && !case.host.closes_in_done;
    if waits && !case.host.releases_early {
        assert_eq!(report.store_before, report.store_after);
    }
    let of =
        |sync| calls.iter().filter(move |call| call.sync == sync).map(|call| call.seen.clone());
    Outcome {
        start: HResult::from_i32(report.start),
        second_start: (report.second_start != 1).then(|| HResult::from_i32(report.second_start)),
        calls: [of(0).collect(), of(1).collect()],
        signalled: report.signalled,
        signalled_in_done: report.signalled_in_done,
        close_failed: report.close_failed,
        references_left: i64::from(report.references_left),
    }
}

fn plan(case: &Case) -> Plan {
    let host = &case.host;
    let mut faults = HostFaults::SCRIBBLES;
    faults.set(HostFaults::PROGRESS_FAILS, host.progress != Answer::Ok);
    faults.set(HostFaults::ERROR_FAILS, host.error != Answer::Ok);
    faults.set(HostFaults::DONE_FAILS, host.done != Answer::Ok);
    faults.set(HostFaults::STARTS_IN_DONE, host.second == Second::InDone);
    faults.set(HostFaults::STARTS_IN_PROGRESS, host.second == Second::InProgress);
    faults.set(HostFaults::CLOSES_IN_DONE, host.closes_in_done);
    faults.set(HostFaults::NEVER_WAITS, host.never_waits);
    faults.set(HostFaults::RELEASES_EARLY, host.releases_early);
    faults.set(HostFaults::BLOCKS_IN_PROGRESS, host.blocks_in_progress > 0);
    faults.set(HostFaults::BLOCKS_IN_DONE, host.blocks_in_done > 0);
    Plan {
        faults,
        flags: host.flags,
        failure: failure([host.progress, host.error, host.done]),
        block_ms: host.blocks_in_progress.max(host.blocks_in_done),
        ..Plan::default()
    }
}

/// The C++ host has one code for all failing answers, and this one where a Rust host would panic.
fn failure(answers: [Answer; 3]) -> HResult {
    let mut codes = answers.iter().filter_map(|answer| match answer {
        Answer::Ok | Answer::Panics => None,
        Answer::Code(code) => Some(*code),
    });
    codes.next_back().unwrap_or(HResult::E_FAIL)
}

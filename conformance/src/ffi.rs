//! What crosses to C++: the structs of `cpp/ffi.h`, written out again, and its functions.

#![expect(unsafe_code, reason = "declares foreign functions")]

use std::ffi::{c_char, c_void};

bitflags::bitflags! {
    /// What the C++ host does wrong, or only does unusually; `enum HostFault` in `cpp/ffi.h`
    /// explains each.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[repr(transparent)]
    pub struct HostFaults: u64 {
        /// Progress answers a failure.
        const PROGRESS_FAILS = 1 << 0;
        /// Error answers a failure.
        const ERROR_FAILS = 1 << 1;
        /// Done answers a failure.
        const DONE_FAILS = 1 << 2;
        /// The next sync is started from inside Done.
        const STARTS_IN_DONE = 1 << 3;
        /// A second sync is started from inside the first Progress.
        const STARTS_IN_PROGRESS = 1 << 4;
        /// The handle is closed inside Done.
        const CLOSES_IN_DONE = 1 << 5;
        /// The store is released as soon as the start has returned.
        const RELEASES_EARLY = 1 << 6;
        /// The event is closed after Done, and never waited for.
        const NEVER_WAITS = 1 << 7;
        /// `ulSize` is one byte short.
        const SIZE_TOO_SMALL = 1 << 8;
        /// `ulSize` is 0.
        const SIZE_ZERO = 1 << 9;
        /// `ulSize` is that of a later, larger block.
        const SIZE_LARGER = 1 << 10;
        /// No MAPISIB at all.
        const NULL_MAPISIB = 1 << 11;
        /// `punkCallBack` is NULL.
        const NULL_CALLBACK = 1 << 12;
        /// `phSyncDoneEvent` is NULL.
        const NULL_EVENT_POINTER = 1 << 13;
        /// `psesSync` is NULL.
        const NULL_SESSION = 1 << 14;
        /// The callback answers E_NOINTERFACE.
        const NO_INTERFACE = 1 << 15;
        /// Progress throws a C++ exception.
        const THROWS_IN_PROGRESS = 1 << 16;
        /// Error throws a C++ exception.
        const THROWS_IN_ERROR = 1 << 17;
        /// Done throws a C++ exception.
        const THROWS_IN_DONE = 1 << 18;
        /// The first Progress takes `block_ms`.
        const BLOCKS_IN_PROGRESS = 1 << 19;
        /// Done takes `block_ms`.
        const BLOCKS_IN_DONE = 1 << 20;
        /// QueryInterface answers S_OK and leaves NULL.
        const NULL_INTERFACE = 1 << 21;
        /// The MAPISIB is overwritten as soon as the start has returned.
        const SCRIBBLES = 1 << 22;
        /// The callback's QueryInterface throws a C++ exception.
        const THROWS_IN_QUERY = 1 << 23;
        /// The callback's Release throws, once it has counted.
        const THROWS_IN_RELEASE = 1 << 24;
        /// The session's AddRef throws, and takes no reference.
        const THROWS_IN_SESSION_ADD_REF = 1 << 25;
        /// The session's Release throws, once it has counted.
        const THROWS_IN_SESSION_RELEASE = 1 << 26;
    }
}

#[repr(C)]
pub(crate) struct HostPlan {
    pub(crate) faults: HostFaults,
    pub(crate) flags: u32,
    pub(crate) failure: i32,
    pub(crate) block_ms: u32,
    pub(crate) patience_ms: u32,
}

#[repr(C)]
pub(crate) struct HostCall {
    pub(crate) kind: u32,
    pub(crate) sync: u32,
    pub(crate) index: u32,
    pub(crate) max: u32,
    pub(crate) result: i32,
    pub(crate) text: *const u16,
    pub(crate) text_len: u32,
    pub(crate) handle: u32,
    pub(crate) thread: u64,
}

pub(crate) const CALL_PROGRESS: u32 = 0;
pub(crate) const CALL_ERROR: u32 = 1;
pub(crate) const CALL_DONE: u32 = 2;

/// What the C++ host saw, apart from the calls themselves; `struct HostReport` in `cpp/ffi.h` says
/// more.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostReport {
    /// What the start answered.
    pub start: i32,
    /// What a re-entrant start answered; 1 when there was none.
    pub second_start: i32,
    /// The out-pointer after the start: 0 NULL, 1 unchanged, 2 something new.
    pub out_pointer: u32,
    /// How many Done calls came.
    pub dones: u32,
    /// Calls that began when Done had begun.
    pub calls_after_done: u32,
    /// Calls that began while another one was running.
    pub overlapping: u32,
    /// How often the event had occurred while Done was still running.
    pub signalled_in_done: u32,
    /// How many events the host saw occur.
    pub signalled: u32,
    /// How often CloseHandle refused.
    pub close_failed: u32,
    /// References to the callbacks that others still hold.
    pub references_left: i32,
    /// The most references there were to one callback.
    pub references_most: i32,
    /// Calls that came when the provider held no reference.
    pub called_without_reference: u32,
    /// Releases beyond the references held.
    pub released_too_often: u32,
    /// The store's references before.
    pub store_before: u32,
    /// The store's references after.
    pub store_after: u32,
    /// Done or the event did not come in time.
    pub timed_out: u32,
    /// References to the session that others still hold.
    pub sessions_left: i32,
    /// References to the callback and the session that others held when the first start had just
    /// returned.
    pub held_after_start: i32,
    /// How long the first start took, in milliseconds.
    pub start_ms: u32,
}

#[repr(C)]
pub(crate) struct ProviderStep {
    pub(crate) kind: u32,
    pub(crate) index: u32,
    pub(crate) max: u32,
    pub(crate) result: i32,
    pub(crate) text: *const u16,
    pub(crate) pause_ms: u32,
}

#[repr(C)]
pub(crate) struct AggregateCalls {
    pub(crate) make: extern "C" fn(context: *mut c_void, outer: *mut c_void) -> *mut c_void,
    pub(crate) query:
        extern "C" fn(aggregate: *mut c_void, iid: *const c_void, object: *mut *mut c_void) -> i32,
    pub(crate) drop: extern "C" fn(aggregate: *mut c_void),
}

#[repr(C)]
#[derive(Default)]
pub(crate) struct ShutdownAnswers {
    pub(crate) query_fast_shutdown: i32,
    pub(crate) notify_process_shutdown: i32,
    pub(crate) do_fast_shutdown: i32,
}

/// Where a C++ store throws.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub enum StoreThrows {
    /// Nowhere.
    Nowhere,
    /// In QueryInterface.
    InQuery,
    /// In each Release, once it has counted.
    InRelease,
}

pub(crate) type HostSink = extern "C" fn(context: *mut c_void, call: *const HostCall);

// No exception leaves any of these.
unsafe extern "C" {
    pub(crate) fn cpp_host_run(
        store: *mut c_void,
        plan: *const HostPlan,
        sink: HostSink,
        context: *mut c_void,
        report: *mut HostReport,
    );
    pub(crate) fn cpp_host_soak(store: *mut c_void, count: u32, references_left: *mut i64) -> u32;
    pub(crate) fn cpp_store_create(
        form: u32,
        steps: *const ProviderStep,
        count: u32,
        store: *mut *mut c_void,
    ) -> i32;
    pub(crate) safe fn cpp_provider_form_name(form: u32) -> *const c_char;
    pub(crate) safe fn cpp_provider_live() -> u32;
    pub(crate) fn cpp_aggregating_store(
        calls: *const AggregateCalls,
        context: *mut c_void,
        store: *mut *mut c_void,
    );
    pub(crate) fn cpp_check_identity(store: *mut c_void) -> u32;
    pub(crate) fn cpp_shut_down(store: *mut c_void, answers: *mut ShutdownAnswers) -> u32;
    pub(crate) fn cpp_shutting_store(
        answers: *const ShutdownAnswers,
        throws: StoreThrows,
        store: *mut *mut c_void,
    );
    pub(crate) safe fn cpp_counting_callback() -> *mut c_void;
    pub(crate) fn cpp_counting_calls(callback: *mut c_void) -> u64;
    pub(crate) fn cpp_progress_loop(
        callback: *mut c_void,
        text: *const c_char,
        length: u32,
        count: u32,
    ) -> u64;
}

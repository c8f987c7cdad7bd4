//! The C++ host and the C++ provider, as safe functions.
#![expect(unsafe_code, reason = "calls into C++")]

use std::ffi::{CStr, c_void};
use std::sync::Mutex;

use mapi_sync::com::{IMAPISync, Inbound, MAPISIB, Provider, SyncAggregate};
use mapi_sync::{HResult, RawEvent};
use windows_core::{GUID, IUnknown, Interface};

use crate::case::{Case, End, Handle, Seen, Step};
pub use crate::ffi::StoreThrows;
use crate::ffi::{self, HostCall, HostFaults, HostPlan, HostReport, ShutdownAnswers};

/// How the C++ host is to behave.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What it does wrong.
    pub faults: HostFaults,
    /// `ulFlags`.
    pub flags: u32,
    /// What failing callbacks answer.
    pub failure: HResult,
    /// How long a blocking callback takes, in milliseconds.
    pub block_ms: u32,
    /// How long it waits for Done, and for the event, in milliseconds.
    pub patience_ms: u32,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            faults: HostFaults::empty(),
            flags: 0,
            failure: HResult::E_FAIL,
            block_ms: 0,
            patience_ms: 60_000,
        }
    }
}

/// A call that the C++ host got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which sync it belongs to: 0, or 1 for the one that was started by the way.
    pub sync: usize,
    /// What was called.
    pub seen: Seen,
    /// On which thread.
    pub thread: u64,
}

/// Runs the C++ host against `store`.
#[must_use]
pub fn host(store: IUnknown, plan: &Plan) -> (HostReport, Vec<Call>) {
    let plan = HostPlan {
        faults: plan.faults,
        flags: plan.flags,
        failure: plan.failure.as_i32(),
        block_ms: plan.block_ms,
        patience_ms: plan.patience_ms,
    };
    let calls = Mutex::new(Vec::new());
    let mut report = HostReport::default();
    // A host that releases early consumes a reference; else it is given back here.
    let early = plan.faults.contains(HostFaults::RELEASES_EARLY);
    let raw = store.as_raw();
    let keep = if early {
        std::mem::forget(store);
        None
    } else {
        Some(store)
    };
    // SAFETY: a live object, and pointers that are valid for the call; `sink` is called with
    // `calls` only during it.
    unsafe {
        ffi::cpp_host_run(raw, &plan, sink, (&raw const calls).cast_mut().cast(), &mut report);
    };
    drop(keep);
    let calls = calls.into_inner().expect("no panic under this lock");
    (report, calls)
}

extern "C" fn sink(context: *mut c_void, call: *const HostCall) {
    // SAFETY: `host` passed this mutex, and the C++ host calls only while that runs.
    let calls = unsafe { &*context.cast::<Mutex<Vec<Call>>>() };
    // SAFETY: valid for the call.
    let call = unsafe { &*call };
    let text = (!call.text.is_null()).then(|| {
        // SAFETY: the C++ host has counted the units.
        let units = unsafe { std::slice::from_raw_parts(call.text, call.text_len as usize) };
        String::from_utf16_lossy(units)
    });
    let result = HResult::from_i32(call.result);
    let seen = match call.kind {
        ffi::CALL_PROGRESS => Seen::Progress(text, call.index, call.max),
        ffi::CALL_ERROR => Seen::Error(result, text),
        _ => {
            let handle = [Handle::Null, Handle::Published, Handle::Other][call.handle as usize];
            Seen::Done(handle, result)
        }
    };
    let call = Call { sync: call.sync as usize, seen, thread: call.thread };
    calls.lock().expect("no panic under this lock").push(call);
}

/// Starts a sync of `store` with this callback, without flags or session, as a C++ host would.
/// Returns the answer and the content of the out-pointer.
///
/// # Panics
///
/// If the store has no `IMAPISync`.
#[must_use]
pub fn start(store: &IUnknown, callback: &Inbound) -> (HResult, RawEvent) {
    let sync: IMAPISync = store.cast().expect("IMAPISync");
    let mut event = std::ptr::null_mut();
    let mut sib = MAPISIB {
        ulSize: u32::try_from(size_of::<MAPISIB>()).expect("a small block"),
        ulFlags: 0,
        psesSync: std::ptr::null_mut(),
        punkCallBack: callback.as_raw(),
        phSyncDoneEvent: &raw mut event,
    };
    let start = Interface::vtable(&sync).SynchronizeInBackground;
    // SAFETY: a live object; the block and its content are valid for the call.
    let answer = unsafe { start(sync.as_raw(), &mut sib) };
    (HResult::from_i32(answer.0), RawEvent::from_value(event.addr()))
}

/// Runs `count` syncs of the C++ host against `store`, one after the other. Returns how many ended
/// well, and how many references to their callbacks were left in all.
#[must_use]
pub fn soak(store: &IUnknown, count: u32) -> (u32, i64) {
    let mut references_left = 0;
    // SAFETY: a live object, and a count that is valid for the write.
    let well = unsafe { ffi::cpp_host_soak(store.as_raw(), count, &mut references_left) };
    (well, references_left)
}

/// Has C++ call the three methods of a store's `IMAPIProviderShutdown`, in the order of its page.
/// `None` if the store does not answer the interface.
///
/// # Panics
///
/// If the store breaks one of COM's rules of identity on the way.
#[must_use]
pub fn shut_down(store: &IUnknown) -> Option<[HResult; 3]> {
    let mut answers = ShutdownAnswers::default();
    // SAFETY: a live object, and answers that are valid for the writes.
    let broken = unsafe { ffi::cpp_shut_down(store.as_raw(), &mut answers) };
    assert!(broken <= 1, "rule {broken} is broken");
    let ShutdownAnswers { query_fast_shutdown, notify_process_shutdown, do_fast_shutdown } =
        answers;
    let answers = [query_fast_shutdown, notify_process_shutdown, do_fast_shutdown];
    (broken == 0).then(|| answers.map(HResult::from_i32))
}

/// A C++ store whose `IMAPIProviderShutdown` gives these answers; for 1 it throws instead.
#[must_use]
pub fn shutting_store(answers: [HResult; 3]) -> IUnknown {
    throwing_store(answers, StoreThrows::Nowhere)
}

/// As [`shutting_store`], with methods of `IUnknown` that throw too. Rust code must not drop a
/// reference to one that throws in Release.
#[must_use]
pub fn throwing_store(answers: [HResult; 3], throws: StoreThrows) -> IUnknown {
    let [query_fast_shutdown, notify_process_shutdown, do_fast_shutdown] =
        answers.map(HResult::as_i32);
    let answers =
        ShutdownAnswers { query_fast_shutdown, notify_process_shutdown, do_fast_shutdown };
    let mut store = std::ptr::null_mut();
    // SAFETY: both pointers are valid for the call.
    unsafe { ffi::cpp_shutting_store(&answers, throws, &mut store) };
    // SAFETY: a new object, with the one reference that is ours.
    unsafe { IUnknown::from_raw(store) }
}

/// The name of a form of the C++ provider; `None` past the last one.
#[must_use]
pub fn form_name(form: u32) -> Option<&'static str> {
    let name = ffi::cpp_provider_form_name(form);
    if name.is_null() {
        return None;
    }
    // SAFETY: a literal of the C++ side.
    let name = unsafe { CStr::from_ptr(name) };
    Some(name.to_str().expect("the names are ASCII"))
}

/// How many C++ stores and workers are alive.
#[must_use]
pub fn live() -> u32 {
    ffi::cpp_provider_live()
}

/// A C++ store of this form that plays the provider's part of `case`; `None` for what only a Rust
/// session can do.
#[must_use]
pub fn store(form: &str, case: &Case) -> Option<IUnknown> {
    let form = (0..).find(|&number| form_name(number).is_none_or(|name| name == form))?;
    form_name(form).expect("a form of this name");
    let End::Done(_) = case.end else { return None };
    let mut texts = Vec::new();
    let mut steps = Vec::new();
    let mut pause_ms = 0;
    let mut step = |kind, index, max, result: HResult, text: Option<&str>, pause_ms| {
        let text = text.map_or(std::ptr::null(), |text| {
            let units: Vec<u16> = text.encode_utf16().chain([0]).collect();
            texts.push(units);
            texts.last().map_or(std::ptr::null(), Vec::as_ptr)
        });
        steps.push(ffi::ProviderStep { kind, index, max, result: result.as_i32(), text, pause_ms });
    };
    for scripted in &case.steps {
        match scripted {
            Step::Sleep(ms) => {
                pause_ms = *ms;
                continue;
            }
            Step::Progress(text, index, max) => {
                step(ffi::CALL_PROGRESS, *index, *max, HResult::S_OK, *text, pause_ms);
            }
            Step::Error(code, text) => step(ffi::CALL_ERROR, 0, 0, *code, Some(text), pause_ms),
        }
        pause_ms = 0;
    }
    // The final status; a C++ provider has no session that would correct it.
    let Some(Seen::Done(_, status)) = case.calls.last() else { return None };
    step(ffi::CALL_DONE, 0, 0, *status, None, pause_ms);
    let count = u32::try_from(steps.len()).expect("a short script");
    let mut store = std::ptr::null_mut();
    // SAFETY: the steps and their texts are valid for the call, which copies them; `store` is valid
    // for the write.
    let created = unsafe { ffi::cpp_store_create(form, steps.as_ptr(), count, &mut store) };
    assert_eq!(created, 0);
    // SAFETY: a new object, with one reference for us.
    Some(unsafe { IUnknown::from_raw(store) })
}

/// A C++ store object that takes its `IMAPISync` from `provider`, aggregated into it.
#[must_use]
pub fn aggregating_store(provider: Provider) -> IUnknown {
    extern "C" fn make(context: *mut c_void, outer: *mut c_void) -> *mut c_void {
        // SAFETY: `aggregating_store` passes this box, once.
        let provider = *unsafe { Box::from_raw(context.cast::<Provider>()) };
        // SAFETY: the C++ store's IUnknown, whose constructor is running; it takes no reference
        // here.
        let outer = unsafe { IUnknown::from_raw_borrowed(&outer) }.expect("not NULL").as_raw();
        // SAFETY: as above; forgotten below, so that no reference is given back.
        let borrowed = std::mem::ManuallyDrop::new(unsafe { IUnknown::from_raw(outer) });
        Box::into_raw(Box::new(provider.into_aggregate(&borrowed))).cast()
    }

    extern "C" fn query(
        aggregate: *mut c_void,
        iid: *const c_void,
        object: *mut *mut c_void,
    ) -> i32 {
        // SAFETY: what `make` returned.
        let aggregate = unsafe { &*aggregate.cast::<SyncAggregate>() };
        // SAFETY: the arguments of the C++ store's own QueryInterface; it is alive.
        unsafe { aggregate.query_interface(iid.cast::<GUID>(), object) }.as_i32()
    }

    extern "C" fn drop(aggregate: *mut c_void) {
        // SAFETY: what `make` returned; the C++ store's destructor calls this, once.
        std::mem::drop(unsafe { Box::from_raw(aggregate.cast::<SyncAggregate>()) });
    }

    let calls = ffi::AggregateCalls { make, query, drop };
    let mut store = std::ptr::null_mut();
    let context = Box::into_raw(Box::new(provider)).cast();
    // SAFETY: the calls are copied; `make` takes the context over; `store` is valid for the write.
    unsafe { ffi::cpp_aggregating_store(&calls, context, &mut store) };
    // SAFETY: a new object, with one reference for us.
    unsafe { IUnknown::from_raw(store) }
}

/// Checks COM's rules of identity on a store, from C++.
///
/// # Errors
///
/// The number of the rule that is broken, as `cpp/aggregate.cpp` counts them.
pub fn check_identity(store: &IUnknown) -> Result<(), u32> {
    // SAFETY: a live object.
    match unsafe { ffi::cpp_check_identity(store.as_raw()) } {
        0 => Ok(()),
        broken => Err(broken),
    }
}

/// A C++ callback that only counts its calls.
#[derive(Debug)]
pub struct Counting(IUnknown);

impl Default for Counting {
    fn default() -> Self {
        // SAFETY: a new object, with one reference for us.
        Self(unsafe { IUnknown::from_raw(ffi::cpp_counting_callback()) })
    }
}

impl Counting {
    /// The object.
    #[must_use]
    pub fn unknown(&self) -> &IUnknown {
        &self.0
    }

    /// How many Progress calls came.
    #[must_use]
    pub fn calls(&self) -> u64 {
        // SAFETY: the object that `cpp_counting_callback` made.
        unsafe { ffi::cpp_counting_calls(self.0.as_raw()) }
    }

    /// Calls Progress `count` times from C++, each with a conversion of `text`; returns the
    /// nanoseconds it took.
    #[must_use]
    pub fn loop_in_cpp(&self, text: &str, count: u32) -> u64 {
        let length = u32::try_from(text.len()).expect("a short text");
        // SAFETY: a live object, and a text of this length.
        unsafe { ffi::cpp_progress_loop(self.0.as_raw(), text.as_ptr().cast(), length, count) }
    }
}

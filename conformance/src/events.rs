//! What the C++ side asks of the kernel, off Windows: the process's one table of handles.
#![cfg(not(windows))]
#![expect(unsafe_code, reason = "exports to C++ have unmangled names")]

use std::ffi::c_void;
use std::ptr::without_provenance_mut;
use std::time::Duration;

use mapi_sync::com::{self, Waited};
use mapi_sync::{HResult, RawEvent};

fn event(handle: *mut c_void) -> RawEvent {
    RawEvent::from_value(handle.addr())
}

fn handle(event: Result<RawEvent, HResult>) -> *mut c_void {
    without_provenance_mut(event.unwrap_or(RawEvent::NULL).value())
}

// SAFETY: no other function of this name exists; `platform.cpp` declares it with these types.
#[unsafe(no_mangle)]
extern "C" fn mapi_sync_event_create() -> *mut c_void {
    handle(com::events().create())
}

// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn mapi_sync_event_duplicate(raw: *mut c_void) -> *mut c_void {
    handle(com::events().duplicate(event(raw)))
}

// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn mapi_sync_event_signal(raw: *mut c_void) -> i32 {
    i32::from(com::events().set(event(raw)) == HResult::S_OK)
}

// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn mapi_sync_event_close(raw: *mut c_void) -> i32 {
    i32::from(com::events().close(event(raw)) == HResult::S_OK)
}

// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn mapi_sync_event_wait(raw: *mut c_void, milliseconds: u32) -> i32 {
    match com::wait(event(raw), Duration::from_millis(u64::from(milliseconds))) {
        Waited::Signalled => 0,
        Waited::TimedOut => 1,
        Waited::Invalid => 2,
    }
}

//! The kernel's calls, as safe functions: with a value that is not an open handle they fail and do
//! nothing.

use std::ptr;
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    CloseHandle, DUPLICATE_SAME_ACCESS, DuplicateHandle, GetLastError, HANDLE, WAIT_OBJECT_0,
    WAIT_TIMEOUT,
};
use windows_sys::Win32::System::Threading::{
    CreateEventW, GetCurrentProcess, SetEvent, WaitForSingleObject,
};

use crate::com::block::Waited;
use crate::{HResult, RawEvent};

fn raw(event: RawEvent) -> HANDLE {
    ptr::without_provenance_mut(event.value())
}

pub(crate) fn last_error() -> HResult {
    // SAFETY: reads a number of this thread's.
    let code = unsafe { GetLastError() };
    // HRESULT_FROM_WIN32
    HResult::from_bits(if code == 0 { 0x8000_4005 } else { code & 0xFFFF | 0x8007_0000 })
}

fn answer(succeeded: i32) -> HResult {
    if succeeded == 0 { last_error() } else { HResult::S_OK }
}

/// CreateEventW: manual reset, not signalled.
pub(crate) fn create_event() -> Result<RawEvent, HResult> {
    // SAFETY: NULL security attributes and a NULL name are allowed by the CreateEventW page.
    let event = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
    if event.is_null() { Err(last_error()) } else { Ok(RawEvent::from_value(event.addr())) }
}

/// DuplicateHandle, within this process.
pub(crate) fn duplicate(event: RawEvent) -> Result<RawEvent, HResult> {
    let mut copy = ptr::null_mut();
    // SAFETY: returns a pseudo-handle, without any condition.
    let process = unsafe { GetCurrentProcess() };
    let access = DUPLICATE_SAME_ACCESS;
    // SAFETY: `copy` is valid for the write; a handle that is not open makes the call fail, nothing
    // else.
    let copied = unsafe { DuplicateHandle(process, raw(event), process, &mut copy, 0, 0, access) };
    answer(copied).ok()?;
    Ok(RawEvent::from_value(copy.addr()))
}

/// SetEvent.
pub(crate) fn set_event(event: RawEvent) -> HResult {
    // SAFETY: a handle that is not open makes the call fail, nothing else.
    answer(unsafe { SetEvent(raw(event)) })
}

/// CloseHandle.
pub(crate) fn close(event: RawEvent) -> HResult {
    // SAFETY: a handle that is not open makes the call fail; that it is ours to close is the
    // caller's affair.
    answer(unsafe { CloseHandle(raw(event)) })
}

/// WaitForSingleObject.
pub(crate) fn wait(event: RawEvent, limit: Duration) -> Waited {
    // u32::MAX means "for ever".
    let limit = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX).min(u32::MAX - 1);
    // SAFETY: a handle that is not open makes the call fail, nothing else.
    match unsafe { WaitForSingleObject(raw(event), limit) } {
        WAIT_OBJECT_0 => Waited::Signalled,
        WAIT_TIMEOUT => Waited::TimedOut,
        _ => Waited::Invalid,
    }
}

//! The kernel's calls, as safe functions: with a value that is not an open handle they fail and do
//! nothing.

use std::ptr;
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    CloseHandle, DUPLICATE_SAME_ACCESS, DuplicateHandle, GetHandleInformation, GetLastError,
    HANDLE, INVALID_HANDLE_VALUE, WAIT_OBJECT_0, WAIT_TIMEOUT,
};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, TH32CS_SNAPTHREAD, THREADENTRY32, Thread32First, Thread32Next,
};
use windows_sys::Win32::System::ProcessStatus::{K32GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS};
use windows_sys::Win32::System::Threading::{
    CreateEventW, GetCurrentProcess, GetCurrentProcessId, GetProcessHandleCount, SetEvent,
    WaitForSingleObject,
};

use crate::com::block::Waited;
use crate::{HResult, RawEvent};

fn raw(event: RawEvent) -> HANDLE {
    ptr::without_provenance_mut(event.value())
}

fn last_error() -> HResult {
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

/// How many handles this process has.
pub(crate) fn open_handles() -> usize {
    let mut count = 0;
    // SAFETY: returns a pseudo-handle, without any condition.
    let process = unsafe { GetCurrentProcess() };
    // SAFETY: the count is valid for the write.
    unsafe { GetProcessHandleCount(process, &mut count) };
    if count > 0 {
        return usize::try_from(count).unwrap_or(usize::MAX);
    }
    // Wine 8 does not count, so its handles are looked for one by one.
    taken_values()
}

/// How many handle values are taken, of those a process is given: multiples of four, lower ones
/// first.
fn taken_values() -> usize {
    // Closed handles leave gaps, but no wider one than there were ever handles open at once.
    const WIDEST_GAP: usize = 1024;
    let (mut taken, mut free) = (0, 0);
    for value in (4..).step_by(4) {
        let mut flags = 0;
        // SAFETY: a value that is no open handle makes the call fail, nothing else; `flags` is
        // valid for the write.
        if unsafe { GetHandleInformation(raw(RawEvent::from_value(value)), &mut flags) } != 0 {
            taken += 1;
            free = 0;
        } else {
            free += 1;
            if free > WIDEST_GAP {
                break;
            }
        }
    }
    taken
}

/// How many threads this process has.
pub(crate) fn threads() -> Option<usize> {
    // SAFETY: asks for the threads of the whole system, as the CreateToolhelp32Snapshot page has
    // it.
    let snapshot = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0) };
    if snapshot == INVALID_HANDLE_VALUE {
        return None;
    }
    // SAFETY: reads a number of this process's.
    let process = unsafe { GetCurrentProcessId() };
    let size = u32::try_from(size_of::<THREADENTRY32>()).ok()?;
    let mut entry = THREADENTRY32 { dwSize: size, ..THREADENTRY32::default() };
    let mut count = 0;
    // SAFETY: the snapshot is open, and the entry says how large it is.
    let mut more = unsafe { Thread32First(snapshot, &mut entry) };
    while more != 0 {
        count += usize::from(entry.th32OwnerProcessID == process);
        // SAFETY: as above.
        more = unsafe { Thread32Next(snapshot, &mut entry) };
    }
    // SAFETY: ours, and closed once.
    unsafe { CloseHandle(snapshot) };
    Some(count)
}

/// How much of this process is in memory.
pub(crate) fn resident_kib() -> Option<u64> {
    let size = u32::try_from(size_of::<PROCESS_MEMORY_COUNTERS>()).ok()?;
    let mut counters = PROCESS_MEMORY_COUNTERS { cb: size, ..Default::default() };
    // SAFETY: returns a pseudo-handle, without any condition.
    let process = unsafe { GetCurrentProcess() };
    // SAFETY: the counters are valid for the write of this size.
    let told = unsafe { K32GetProcessMemoryInfo(process, &mut counters, size) };
    let bytes = u64::try_from(counters.WorkingSetSize).ok()?;
    (told != 0 && bytes > 0).then_some(bytes / 1024)
}

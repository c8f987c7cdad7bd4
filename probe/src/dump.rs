//! A minidump of a process that has crashed, for a debugger.
#![expect(unsafe_code, reason = "calls the kernel's debugging functions")]

use std::fs::File;
use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::path::Path;
use std::process::Child;
use std::ptr;

use windows_sys::Win32::System::Diagnostics::Debug::{
    CONTEXT, EXCEPTION_POINTERS, EXCEPTION_RECORD, GetThreadContext,
    MINIDUMP_EXCEPTION_INFORMATION, MiniDumpWithDataSegs, MiniDumpWithThreadInfo,
    MiniDumpWriteDump,
};
use windows_sys::Win32::System::Threading::{
    OpenThread, THREAD_GET_CONTEXT, THREAD_QUERY_INFORMATION,
};

/// All registers: of each architecture the flag "ALL" without the part that names it twice.
#[cfg(target_arch = "x86_64")]
const ALL_REGISTERS: u32 = 0x0010_001F;
#[cfg(target_arch = "x86")]
const ALL_REGISTERS: u32 = 0x0001_003F;
#[cfg(target_arch = "aarch64")]
const ALL_REGISTERS: u32 = 0x0040_000F;

/// "The CONTEXT structure must be aligned to 16 bytes" (GetThreadContext).
#[repr(align(16))]
struct Aligned(CONTEXT);

/// Writes a minidump of `child`, whose thread stands at this exception.
pub(crate) fn write(
    child: &Child,
    thread: u32,
    mut record: EXCEPTION_RECORD,
    path: &Path,
) -> io::Result<()> {
    let file = File::create(path)?;
    let mut context = Aligned(CONTEXT::default());
    context.0.ContextFlags = ALL_REGISTERS;
    // SAFETY: any number may be passed.
    let opened = unsafe { OpenThread(THREAD_GET_CONTEXT | THREAD_QUERY_INFORMATION, 0, thread) };
    let mut has_context = false;
    if !opened.is_null() {
        // SAFETY: a new handle, which is ours.
        let opened = unsafe { OwnedHandle::from_raw_handle(opened) };
        // SAFETY: an open thread, which stands still for its debugger, and an aligned context.
        has_context = unsafe { GetThreadContext(opened.as_raw_handle(), &mut context.0) } != 0;
    }
    // The next record is a pointer in the other process.
    record.ExceptionRecord = ptr::null_mut();
    let mut pointers =
        EXCEPTION_POINTERS { ExceptionRecord: &mut record, ContextRecord: &mut context.0 };
    let exception = MINIDUMP_EXCEPTION_INFORMATION {
        ThreadId: thread,
        ExceptionPointers: &mut pointers,
        ClientPointers: 0,
    };
    let exception = if has_context { &raw const exception } else { ptr::null() };
    // SAFETY: an open process and file; the exception's pointers are this process's, as it says,
    // and valid for the call.
    let written = unsafe {
        MiniDumpWriteDump(
            child.as_raw_handle(),
            child.id(),
            file.as_raw_handle(),
            MiniDumpWithDataSegs | MiniDumpWithThreadInfo,
            exception,
            ptr::null(),
            ptr::null(),
        )
    };
    if written == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

//! Watching a child process as its debugger. Only a debugger learns of a CloseHandle that had
//! nothing to close, and where a process crashed.
//!
//! "If the application is running under a debugger, the function will throw an exception if it
//! receives either a handle value that is not valid or a pseudo-handle value" (the CloseHandle
//! page). Without a debugger such a call only answers FALSE, and the next one may close the handle
//! of another owner that was given the same value.
#![expect(unsafe_code, reason = "calls the kernel's debugging functions")]

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    CloseHandle, DBG_CONTINUE, DBG_EXCEPTION_NOT_HANDLED, EXCEPTION_BREAKPOINT, HANDLE, NTSTATUS,
    STATUS_ACCESS_VIOLATION, STATUS_HEAP_CORRUPTION, STATUS_ILLEGAL_INSTRUCTION,
    STATUS_INTEGER_DIVIDE_BY_ZERO, STATUS_INVALID_HANDLE, STATUS_STACK_BUFFER_OVERRUN,
    STATUS_STACK_OVERFLOW,
};
use windows_sys::Win32::System::Diagnostics::Debug::{
    CREATE_PROCESS_DEBUG_EVENT, ContinueDebugEvent, DEBUG_EVENT, EXCEPTION_DEBUG_EVENT,
    EXCEPTION_DEBUG_INFO, EXIT_PROCESS_DEBUG_EVENT, IsDebuggerPresent, LOAD_DLL_DEBUG_EVENT,
    RaiseException, UNLOAD_DLL_DEBUG_EVENT, WaitForDebugEvent,
};
use windows_sys::Win32::System::Threading::DEBUG_ONLY_THIS_PROCESS;

use crate::dump;
use crate::job::Job;
use crate::modules::Modules;

/// A child process, debugged by the thread that started it. Windows ends it when that thread ends,
/// and all that it has started when this is dropped.
#[derive(Debug)]
pub struct Debugged {
    child: std::process::Child,
    /// `None` where the system has no job for it: what it starts then lives on.
    job: Option<Job>,
    exited: bool,
    began: bool,
    modules: Modules,
    dump: Option<PathBuf>,
    /// Not `Send`: only the thread that started the process gets its debug events.
    _here: std::marker::PhantomData<*const ()>,
}

/// What a [`Debugged`] process did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DebugEvent {
    /// It closed a handle that was not open.
    InvalidClose,
    /// It met an exception that nothing handles, and ends.
    Crashed(Crash),
    /// It met an exception that ends most programs, which it, or the system, may handle. The loader
    /// handles those of `DllMain`.
    Raised(Crash),
    /// It called [`announce`].
    Announced,
    /// It has ended.
    Exited,
    /// Nothing that matters here.
    Other,
}

/// An exception that nothing handled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Crash {
    /// The exception's code.
    pub code: u32,
    /// The module, and the offset in it.
    pub place: Option<(String, usize)>,
    /// The address of the instruction.
    pub address: usize,
    /// The number of the thread.
    pub thread: u32,
    /// What it did to which address, if the code is that of an access violation.
    pub access: Option<(&'static str, usize)>,
    /// Why no minidump was written, if one was asked for.
    pub no_dump: Option<String>,
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, place, address, thread, access, no_dump } = self;
        match code_name(*code) {
            Some(name) => write!(f, "{name} ({code:#010X})")?,
            None => write!(f, "exception {code:#010X}")?,
        }
        match place {
            Some((module, offset)) => write!(f, " at {module}+{offset:#x}")?,
            None => write!(f, " at {address:#x}, outside of all modules")?,
        }
        write!(f, ", in thread {thread}")?;
        if let Some((what, at)) = access {
            write!(f, ", which {what} {at:#x}")?;
        }
        match no_dump {
            Some(why) => write!(f, " (no minidump: {why})"),
            None => Ok(()),
        }
    }
}

/// An exception's code of our own.
const ANNOUNCEMENT: NTSTATUS = 0xE04D_5301_u32.cast_signed();

/// Tells the debugger of this process that from now on an exception counts even if it is handled:
/// [`DebugEvent::Announced`]. The event comes in order with those of exceptions, as a message on
/// another way does not. Without a debugger this does nothing.
pub fn announce() {
    // SAFETY: reads a flag of this process.
    if unsafe { IsDebuggerPresent() } != 0 {
        // SAFETY: the exception may be continued, and the debugger does that; it has no arguments
        // ("RaiseException").
        unsafe { RaiseException(ANNOUNCEMENT.cast_unsigned(), 0, 0, std::ptr::null()) };
    }
}

/// The exceptions that end most programs.
const ENDS_MOST: [NTSTATUS; 6] = [
    STATUS_ACCESS_VIOLATION,
    STATUS_STACK_OVERFLOW,
    EXCEPTION_BREAKPOINT,
    STATUS_ILLEGAL_INSTRUCTION,
    STATUS_INTEGER_DIVIDE_BY_ZERO,
    STATUS_HEAP_CORRUPTION,
];

fn code_name(code: u32) -> Option<&'static str> {
    /// C++ exceptions of Microsoft's compiler, and of GCC ("\xE0" "msc", "\x20" "GCC").
    const MSVC: u32 = 0xE06D_7363;
    const GCC: u32 = 0x2047_4343;

    Some(match code.cast_signed() {
        STATUS_ACCESS_VIOLATION => "access violation",
        STATUS_STACK_OVERFLOW => "stack overflow",
        EXCEPTION_BREAKPOINT => "breakpoint",
        STATUS_ILLEGAL_INSTRUCTION => "illegal instruction",
        STATUS_INTEGER_DIVIDE_BY_ZERO => "division by zero",
        STATUS_HEAP_CORRUPTION => "heap corruption",
        STATUS_STACK_BUFFER_OVERRUN => "fail fast or stack buffer overrun",
        _ if matches!(code, MSVC | GCC) => "C++ exception",
        _ => return None,
    })
}

impl Debugged {
    /// Starts `command` with this thread as its debugger. It runs only while [`next`](Self::next)
    /// is called.
    ///
    /// # Errors
    ///
    /// The errors of [`Command::spawn`].
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        use std::os::windows::process::CommandExt;
        // Without this, Windows would give a debugged process another heap.
        command.creation_flags(DEBUG_ONLY_THIS_PROCESS).env("_NO_DEBUG_HEAP", "1");
        let child = command.spawn()?;
        // It stands still until its first event is answered.
        let job = Job::of(&child).ok();
        Ok(Self {
            child,
            job,
            exited: false,
            began: false,
            modules: Modules::default(),
            dump: None,
            _here: std::marker::PhantomData,
        })
    }

    /// Writes a minidump to this file if the process crashes.
    pub fn dump_to(&mut self, path: PathBuf) {
        self.dump = Some(path);
    }

    /// The process.
    pub fn child(&mut self) -> &mut std::process::Child {
        &mut self.child
    }

    /// The next event within `limit`, at most about 49 days; `None` if there is none.
    pub fn next(&mut self, limit: Duration) -> Option<DebugEvent> {
        if self.exited {
            return None;
        }
        let limit = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX).min(u32::MAX - 1);
        let mut event = DEBUG_EVENT::default();
        // SAFETY: the event is valid for the write.
        if unsafe { WaitForDebugEvent(&mut event, limit) } == 0 {
            return None;
        }
        let mut answer = DBG_CONTINUE;
        let seen = match event.dwDebugEventCode {
            EXCEPTION_DEBUG_EVENT => {
                // SAFETY: the member that this code names.
                let exception = unsafe { event.u.Exception };
                let (seen, answered) = self.exception(event.dwThreadId, &exception);
                answer = answered;
                seen
            }
            EXIT_PROCESS_DEBUG_EVENT => {
                self.exited = true;
                DebugEvent::Exited
            }
            CREATE_PROCESS_DEBUG_EVENT => {
                // SAFETY: the member that this code names.
                let created = unsafe { event.u.CreateProcessInfo };
                self.modules.loaded(created.lpBaseOfImage.addr(), created.hFile);
                close(created.hFile);
                DebugEvent::Other
            }
            LOAD_DLL_DEBUG_EVENT => {
                // SAFETY: the member that this code names.
                let loaded = unsafe { event.u.LoadDll };
                self.modules.loaded(loaded.lpBaseOfDll.addr(), loaded.hFile);
                close(loaded.hFile);
                DebugEvent::Other
            }
            UNLOAD_DLL_DEBUG_EVENT => {
                // SAFETY: the member that this code names.
                self.modules.unloaded(unsafe { event.u.UnloadDll }.lpBaseOfDll.addr());
                DebugEvent::Other
            }
            _ => DebugEvent::Other,
        };
        // SAFETY: the event just named this thread.
        unsafe { ContinueDebugEvent(event.dwProcessId, event.dwThreadId, answer) };
        Some(seen)
    }

    /// What an exception is, and how it is answered.
    fn exception(&mut self, thread: u32, info: &EXCEPTION_DEBUG_INFO) -> (DebugEvent, NTSTATUS) {
        let record = info.ExceptionRecord;
        match record.ExceptionCode {
            STATUS_INVALID_HANDLE => return (DebugEvent::InvalidClose, DBG_CONTINUE),
            // Every debugged process begins with one. Another one is the process's own.
            EXCEPTION_BREAKPOINT if !self.began => {
                self.began = true;
                return (DebugEvent::Other, DBG_CONTINUE);
            }
            ANNOUNCEMENT => return (DebugEvent::Announced, DBG_CONTINUE),
            _ => {}
        }
        let is_first = info.dwFirstChance != 0;
        if is_first && !ENDS_MOST.contains(&record.ExceptionCode) {
            return (DebugEvent::Other, DBG_EXCEPTION_NOT_HANDLED);
        }
        let address = record.ExceptionAddress.addr();
        let access = (record.ExceptionCode == STATUS_ACCESS_VIOLATION).then(|| {
            let what = match record.ExceptionInformation[0] {
                0 => "read",
                1 => "wrote",
                _ => "ran",
            };
            (what, record.ExceptionInformation[1])
        });
        let written = match &self.dump {
            Some(path) if !is_first => dump::write(&self.child, thread, record, path),
            _ => Ok(()),
        };
        let crash = Crash {
            code: record.ExceptionCode.cast_unsigned(),
            place: self.modules.find(address).map(|(name, offset)| (name.to_owned(), offset)),
            address,
            thread,
            access,
            no_dump: written.err().map(|error| error.to_string()),
        };
        let seen = if is_first { DebugEvent::Raised(crash) } else { DebugEvent::Crashed(crash) };
        (seen, DBG_EXCEPTION_NOT_HANDLED)
    }

    /// Ends the process, if it has not ended by itself, and what it has started, and waits until it
    /// has.
    ///
    /// # Errors
    ///
    /// The errors of [`Child::wait`](std::process::Child::wait).
    pub fn end(&mut self) -> io::Result<std::process::ExitStatus> {
        // This fails if the process has ended already.
        let _ = self.child.kill();
        if let Some(job) = &self.job {
            job.end();
        }
        // It ends only once its last event has been answered.
        while !self.exited && self.child.try_wait()?.is_none() {
            self.next(Duration::from_millis(10));
        }
        self.child.wait()
    }
}

/// Closes the handle to an image file. The debugger gets one with each image and has to close it
/// ("LOAD_DLL_DEBUG_INFO").
fn close(file: HANDLE) {
    if !file.is_null() {
        // SAFETY: the event gave us this handle, and we close it once.
        unsafe { CloseHandle(file) };
    }
}

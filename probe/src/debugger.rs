//! Watching a child process as its debugger. Only a debugger learns of a CloseHandle that had
//! nothing to close.
//!
//! "If the application is running under a debugger, the function will throw an exception if it
//! receives either a handle value that is not valid or a pseudo-handle value" (the CloseHandle
//! page). Without a debugger such a call only answers FALSE, and the next one may close the handle
//! of another owner that was given the same value.
#![expect(unsafe_code, reason = "calls the kernel's debugging functions")]

use std::io;
use std::process::Command;
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    CloseHandle, DBG_CONTINUE, DBG_EXCEPTION_NOT_HANDLED, EXCEPTION_BREAKPOINT, HANDLE,
    STATUS_INVALID_HANDLE,
};
use windows_sys::Win32::System::Diagnostics::Debug::{
    CREATE_PROCESS_DEBUG_EVENT, ContinueDebugEvent, DEBUG_EVENT, EXCEPTION_DEBUG_EVENT,
    EXIT_PROCESS_DEBUG_EVENT, LOAD_DLL_DEBUG_EVENT, WaitForDebugEvent,
};
use windows_sys::Win32::System::Threading::DEBUG_ONLY_THIS_PROCESS;

/// A child process, debugged by the thread that started it. Windows ends it when that thread ends.
#[derive(Debug)]
pub struct Debugged {
    child: std::process::Child,
    exited: bool,
    /// Not `Send`: only the thread that started the process gets its debug events.
    _here: std::marker::PhantomData<*const ()>,
}

/// What a [`Debugged`] process did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DebugEvent {
    /// It closed a handle that was not open.
    InvalidClose,
    /// It has ended.
    Exited,
    /// Nothing that matters here.
    Other,
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
        Ok(Self { child, exited: false, _here: std::marker::PhantomData })
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
                let code = unsafe { event.u.Exception }.ExceptionRecord.ExceptionCode;
                match code {
                    STATUS_INVALID_HANDLE => DebugEvent::InvalidClose,
                    // Every debugged process begins with one.
                    EXCEPTION_BREAKPOINT => DebugEvent::Other,
                    _ => {
                        answer = DBG_EXCEPTION_NOT_HANDLED;
                        DebugEvent::Other
                    }
                }
            }
            EXIT_PROCESS_DEBUG_EVENT => {
                self.exited = true;
                DebugEvent::Exited
            }
            CREATE_PROCESS_DEBUG_EVENT => {
                // SAFETY: the member that this code names.
                close(unsafe { event.u.CreateProcessInfo }.hFile);
                DebugEvent::Other
            }
            LOAD_DLL_DEBUG_EVENT => {
                // SAFETY: the member that this code names.
                close(unsafe { event.u.LoadDll }.hFile);
                DebugEvent::Other
            }
            _ => DebugEvent::Other,
        };
        // SAFETY: the event just named this thread.
        unsafe { ContinueDebugEvent(event.dwProcessId, event.dwThreadId, answer) };
        Some(seen)
    }

    /// Ends the process, if it has not ended by itself, and waits until it has.
    ///
    /// # Errors
    ///
    /// The errors of [`Child::wait`](std::process::Child::wait).
    pub fn end(&mut self) -> io::Result<std::process::ExitStatus> {
        // This fails if the process has ended already.
        let _ = self.child.kill();
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

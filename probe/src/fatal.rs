//! The last words of a process that a fatal signal ends inside of a task's code.
//!
//! A stack overflow is no panic: nothing unwinds, and the process ends with a message that names a
//! thread. A handler that runs before the standard library's own names the task too. The handler
//! costs nothing until it runs.

use std::fmt;
use std::sync::Mutex;

use mapi_sync_engine::write_fatal;

/// From now on, a line on the standard error stream names the task in whose code a fatal signal
/// ends this process: a stack overflow or another invalid access, and on Linux an abort; on Windows
/// a stack overflow. Then what handled the signal before goes on. Later calls do nothing.
pub fn name_task_of_fatal_signal() {
    system::install();
}

/// A line in a fixed space: nothing is allocated. What does not fit is left out.
struct Line {
    bytes: [u8; 1024],
    len: usize,
}

/// Apart from the stack, of which little may be left.
static LINE: Mutex<Line> = Mutex::new(Line::new());

/// Hands `write` what the engine has to say, if it has anything to say and nobody else is at it.
fn say(write: fn(&[u8])) {
    if let Ok(mut line) = LINE.try_lock() {
        write(line.fatal());
    }
}

impl Line {
    const fn new() -> Self {
        Self { bytes: [0; 1024], len: 0 }
    }

    /// What the engine has to say, or nothing.
    fn fatal(&mut self) -> &[u8] {
        self.len = 0;
        if write_fatal(self).is_err() {
            self.bytes[self.len - 1] = b'\n';
        }
        &self.bytes[..self.len]
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.bytes[self.len..];
        let fits = text.len().min(room.len());
        room[..fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.len += fits;
        if fits == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(unix)]
#[expect(unsafe_code, reason = "handles signals")]
mod system {
    use std::mem;
    use std::ptr;
    use std::sync::{Once, OnceLock};

    use libc::{SA_ONSTACK, SA_SIGINFO, SIG_DFL, SIG_IGN, c_int, c_void, siginfo_t};

    use super::say;

    const SIGNALS: [c_int; 3] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGABRT];

    /// What handled each of them before.
    static BEFORE: [OnceLock<libc::sigaction>; 3] = [const { OnceLock::new() }; 3];

    pub(super) fn install() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            for (signal, before) in SIGNALS.into_iter().zip(&BEFORE) {
                // An abort is told apart from a signal of another process on Linux only.
                if signal != libc::SIGABRT || cfg!(target_os = "linux") {
                    install_one(signal, before);
                }
            }
        });
    }

    fn install_one(signal: c_int, before: &OnceLock<libc::sigaction>) {
        let mut former = mem::MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: sigaction(2) with no new action only writes the old one, and there is room.
        let failed = unsafe { libc::sigaction(signal, ptr::null(), former.as_mut_ptr()) } != 0;
        if failed {
            return;
        }
        // SAFETY: it was written just now, and all zeroes are a value of it too.
        let former = before.get_or_init(|| unsafe { former.assume_init() });
        let mut own = *former;
        own.sa_sigaction = handle as *const () as usize;
        // On the stack that each thread of the standard library has for its own handler.
        own.sa_flags = SA_SIGINFO | SA_ONSTACK;
        // SAFETY: the handler is a function of the type that SA_SIGINFO asks for, and does only
        // what a handler may: see there.
        unsafe { libc::sigaction(signal, &raw const own, ptr::null_mut()) };
    }

    /// Writes the line, and hands the signal on.
    ///
    /// Only async-signal-safe functions are called: write(2) and sigaction(2).
    extern "C" fn handle(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        // SAFETY: the kernel gives a handler with SA_SIGINFO a valid siginfo_t.
        let code = unsafe { (*info).si_code };
        if is_of_this_thread(signal, code) {
            // The code of this thread stands still at one of its instructions, which is in a task's
            // code if anything is written at all. The engine borrows nothing of what `write_fatal`
            // reads while a task's code runs, save inside of its own functions; it looks at the
            // flags of these borrows, and neither allocates nor waits.
            say(write);
        }
        let place = SIGNALS.iter().position(|known| *known == signal);
        if let Some(former) = place.and_then(|place| BEFORE[place].get()) {
            hand_on(former, signal, info, context);
        }
    }

    /// Whether an instruction of this thread raised the signal, or on Linux an abort.
    fn is_of_this_thread(signal: c_int, code: c_int) -> bool {
        #[cfg(target_os = "linux")]
        if signal == libc::SIGABRT {
            return code == libc::SI_TKILL;
        }
        signal != libc::SIGABRT && code > 0
    }

    fn write(mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // SAFETY: the bytes are there. write(2) is async-signal-safe.
            let written = unsafe { libc::write(2, bytes.as_ptr().cast(), bytes.len()) };
            match usize::try_from(written) {
                Ok(written @ 1..) => bytes = &bytes[written..],
                _ => break,
            }
        }
    }

    fn hand_on(
        former: &libc::sigaction,
        signal: c_int,
        info: *mut siginfo_t,
        context: *mut c_void,
    ) {
        if former.sa_sigaction == SIG_DFL || former.sa_sigaction == SIG_IGN {
            // The instruction runs again, or abort(3) raises its signal again, and that ends the
            // process.
            // SAFETY: it is the action that the system gave. sigaction(2) is async-signal-safe.
            unsafe { libc::sigaction(signal, former, ptr::null_mut()) };
        } else if former.sa_flags & SA_SIGINFO != 0 {
            // SAFETY: the flag says that the handler is a function of this type.
            let handler = unsafe {
                mem::transmute::<usize, extern "C" fn(c_int, *mut siginfo_t, *mut c_void)>(
                    former.sa_sigaction,
                )
            };
            handler(signal, info, context);
        } else {
            // SAFETY: without the flag, the handler is a function of this type.
            let handler =
                unsafe { mem::transmute::<usize, extern "C" fn(c_int)>(former.sa_sigaction) };
            handler(signal);
        }
    }
}

#[cfg(windows)]
#[expect(unsafe_code, reason = "handles exceptions")]
mod system {
    use std::ptr;
    use std::sync::Once;

    use windows_sys::Win32::Foundation::EXCEPTION_STACK_OVERFLOW;
    use windows_sys::Win32::Storage::FileSystem::WriteFile;
    use windows_sys::Win32::System::Console::{GetStdHandle, STD_ERROR_HANDLE};
    use windows_sys::Win32::System::Diagnostics::Debug::{
        AddVectoredExceptionHandler, EXCEPTION_CONTINUE_SEARCH, EXCEPTION_POINTERS,
    };

    use super::say;

    pub(super) fn install() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // SAFETY: the handler is a function of the type that is asked for. It comes first,
            // because that of the standard library ends with the process.
            unsafe { AddVectoredExceptionHandler(1, Some(handle)) };
        });
    }

    /// Writes the line, and hands the exception on. A thread of the standard library has 20 KiB of
    /// its stack left then on Windows, and 4 KiB on Wine 8: so the line is not on the stack, and
    /// goes past the standard library's stream, which has a buffer there.
    unsafe extern "system" fn handle(exception: *mut EXCEPTION_POINTERS) -> i32 {
        // SAFETY: "AddVectoredExceptionHandler" and "EXCEPTION_POINTERS" (Win32): the pointers are
        // valid while the handler runs.
        let record = unsafe { (*exception).ExceptionRecord };
        // SAFETY: as above.
        let code = unsafe { (*record).ExceptionCode };
        if code == EXCEPTION_STACK_OVERFLOW {
            say(write);
        }
        EXCEPTION_CONTINUE_SEARCH
    }

    fn write(bytes: &[u8]) {
        // SAFETY: "GetStdHandle" (Win32) has no conditions.
        let stderr = unsafe { GetStdHandle(STD_ERROR_HANDLE) };
        let (len, mut written) = (bytes.len() as u32, 0);
        // SAFETY: "WriteFile" (Win32): the bytes and `written` are there during the call, and a
        // handle that was not opened for overlapped writing needs no OVERLAPPED. A handle that is
        // none makes the call fail.
        unsafe { WriteFile(stderr, bytes.as_ptr(), len, &raw mut written, ptr::null_mut()) };
    }
}

#[cfg(not(any(unix, windows)))]
mod system {
    pub(super) fn install() {}
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut line = Line::new();
        for _ in 0..102 {
            line.write_str("0123456789").unwrap();
        }
        assert!(line.write_str("abcdef").is_err());
        assert!(line.bytes.ends_with(b"789abcd"));
    }

    #[test]
    fn nothing_is_said_outside_of_a_task() {
        assert!(Line::new().fatal().is_empty());
    }
}

//! Threads that code in a DLL may start: each holds the module in memory, lives in the multithreaded apartment, and ends
//! without anybody joining it, so nothing ever waits for a thread under the loader lock.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::guard;
use crate::HResult;

static WORKERS: AtomicUsize = AtomicUsize::new(0);
static OBJECTS: AtomicUsize = AtomicUsize::new(0);

/// How many worker threads of this module are running.
#[must_use]
pub fn live_workers() -> usize {
    WORKERS.load(Ordering::SeqCst)
}

/// How many COM objects of this module are alive. With [`live_workers`], what `DllCanUnloadNow` asks.
#[must_use]
pub fn live_objects() -> usize {
    OBJECTS.load(Ordering::SeqCst)
}

/// Counts one COM object for as long as it is alive.
#[derive(Debug)]
pub(crate) struct LiveObject(());

impl LiveObject {
    pub(crate) fn new() -> Self {
        OBJECTS.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for LiveObject {
    fn drop(&mut self) {
        OBJECTS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Counts one worker, from before its thread exists until it is about to end.
#[derive(Debug)]
pub(crate) struct LiveWorker(());

impl LiveWorker {
    pub(crate) fn new() -> Self {
        WORKERS.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for LiveWorker {
    fn drop(&mut self) {
        WORKERS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Runs `body` on a new thread that nobody joins. A panic of `body` ends the thread, and nothing else.
///
/// # Errors
///
/// [`HResult::E_OUTOFMEMORY`] when the system has no thread to give; `body` has been dropped then.
pub(crate) fn spawn(body: impl FnOnce() + Send + 'static) -> Result<(), HResult> {
    system::spawn(Box::new(move || {
        guard::contain(body);
    }))
}

#[cfg(not(windows))]
mod system {
    use super::*;

    pub(super) fn spawn(body: Box<dyn FnOnce() + Send>) -> Result<(), HResult> {
        let thread = std::thread::Builder::new().name("mapi-sync worker".into()).spawn(body);
        thread.map(drop).map_err(|_| HResult::E_OUTOFMEMORY)
    }
}

#[cfg(windows)]
mod system {
    use std::ffi::c_void;
    use std::ptr;

    use windows_sys::Win32::Foundation::{CloseHandle, FreeLibrary, HMODULE};
    use windows_sys::Win32::System::Com::{COINIT_MULTITHREADED, CoInitializeEx, CoUninitialize};
    use windows_sys::Win32::System::LibraryLoader::{
        FreeLibraryAndExitThread, GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GetModuleHandleExW,
    };
    use windows_sys::Win32::System::Threading::CreateThread;

    use super::*;

    struct Start {
        module: HMODULE,
        body: Box<dyn FnOnce() + Send>,
    }

    /// One more reference to the module that this code lies in.
    fn own_module() -> Option<HMODULE> {
        let mut module = ptr::null_mut();
        let address = run as *const () as *const u16;
        // SAFETY: with FROM_ADDRESS the "name" is any address in the module, here that of a function; `module` is valid
        // for the write.
        let found = unsafe {
            GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, address, &mut module)
        };
        (found != 0).then_some(module)
    }

    pub(super) fn spawn(body: Box<dyn FnOnce() + Send>) -> Result<(), HResult> {
        // Taken here, not by the thread itself: the caller may let go of the module before the thread first runs.
        let module = own_module().ok_or(HResult::E_OUTOFMEMORY)?;
        let start = Box::into_raw(Box::new(Start { module, body }));
        // SAFETY: `run` has the form that the CreateThread page asks for, and takes the box over.
        let thread =
            unsafe { CreateThread(ptr::null(), 0, Some(run), start.cast(), 0, ptr::null_mut()) };
        if thread.is_null() {
            // SAFETY: no thread exists, so the box is still ours.
            drop(unsafe { Box::from_raw(start) });
            // SAFETY: gives back the reference that `own_module` took.
            unsafe { FreeLibrary(module) };
            return Err(HResult::E_OUTOFMEMORY);
        }
        // SAFETY: the handle was just given to us; the thread runs on without it.
        unsafe { CloseHandle(thread) };
        Ok(())
    }

    unsafe extern "system" fn run(start: *mut c_void) -> u32 {
        // SAFETY: `spawn` passed this box, to us alone.
        let start = *unsafe { Box::from_raw(start.cast::<Start>()) };
        let module = start.module;
        // SAFETY: the reserved argument is NULL, as asked; it is paired with CoUninitialize below.
        let entered = unsafe { CoInitializeEx(ptr::null(), COINIT_MULTITHREADED as u32) };
        (start.body)();
        if entered >= 0 {
            // SAFETY: on the thread that entered the apartment, once.
            unsafe { CoUninitialize() };
        }
        // SAFETY: gives back this thread's reference to the module and ends the thread in one step outside of it, so that
        // no instruction of an unloaded module runs. Nothing on this stack has a destructor left to run.
        unsafe { FreeLibraryAndExitThread(module, 0) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_panic_ends_only_the_thread() {
        let (sender, receiver) = mpsc::channel::<()>();
        spawn(move || {
            let _held = sender;
            panic!("in a worker");
        })
        .expect("a thread");
        // The sender is dropped by the unwinding, nothing was sent.
        assert!(receiver.recv().is_err());
    }
}

//! Threads that keep what they need alive: above all the module.

use std::ffi::c_void;
use std::ptr;

use windows_sys::Win32::Foundation::{CloseHandle, FreeLibrary, HMODULE};
use windows_sys::Win32::System::Com::{COINIT_MULTITHREADED, CoInitializeEx, CoUninitialize};
use windows_sys::Win32::System::LibraryLoader::{
    FreeLibraryAndExitThread, GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GetModuleHandleExW,
};
use windows_sys::Win32::System::Threading::CreateThread;

use crate::HResult;

struct Start {
    module: HMODULE,
    body: Box<dyn FnOnce() + Send>,
}

/// Takes a reference to the module that contains this code.
fn own_module() -> Option<HMODULE> {
    let mut module = ptr::null_mut();
    let address = run as *const () as *const u16;
    // SAFETY: with FROM_ADDRESS the "name" is any address in the module, here that of a function;
    // `module` is valid for the write.
    let found =
        unsafe { GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, address, &mut module) };
    (found != 0).then_some(module)
}

/// CreateThread. While it runs, the thread holds a reference to this module and lives in the
/// multithreaded apartment.
pub(crate) fn spawn(body: Box<dyn FnOnce() + Send>) -> Result<(), HResult> {
    // Taken here, not by the thread itself: the caller may unload the module before the thread
    // first runs.
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
    // SAFETY: gives back this thread's reference to the module and ends the thread in one step
    // outside of it, so that no instruction of an unloaded module runs. Nothing on this stack
    // has a destructor left to run.
    unsafe { FreeLibraryAndExitThread(module, 0) }
}

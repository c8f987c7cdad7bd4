//! Threads that keep what they need alive: above all the module.

use std::ffi::c_void;
use std::ptr;

use windows_sys::Win32::Foundation::{CloseHandle, FreeLibrary, HMODULE};
use windows_sys::Win32::System::Com::{COINIT_MULTITHREADED, CoInitializeEx, CoUninitialize};
use windows_sys::Win32::System::LibraryLoader::{
    FreeLibraryAndExitThread, GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
    GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
};
use windows_sys::Win32::System::Threading::{
    CreateThread, GetCurrentThread, STACK_SIZE_PARAM_IS_A_RESERVATION, SetThreadDescription,
};

use crate::HResult;

struct Start {
    module: HMODULE,
    /// NUL-terminated.
    name: Vec<u16>,
    body: Box<dyn FnOnce() + Send>,
}

/// Takes a reference to the module that contains this code.
fn own_module(flags: u32) -> Option<HMODULE> {
    let mut module = ptr::null_mut();
    let address = run as *const () as *const u16;
    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | flags;
    // SAFETY: with FROM_ADDRESS the "name" is any address in the module, here that of a function;
    // `module` is valid for the write.
    let found = unsafe { GetModuleHandleExW(flags, address, &mut module) };
    (found != 0).then_some(module)
}

/// Keeps this module in memory until the process ends ("no matter how many times FreeLibrary is
/// called").
pub(crate) fn pin_module() {
    own_module(GET_MODULE_HANDLE_EX_FLAG_PIN);
}

/// CreateThread. `stack_size` is in bytes; 0 stands for the program's own size. While it runs, the
/// thread holds a reference to this module and lives in the multithreaded apartment.
pub(crate) fn spawn(
    name: &str,
    stack_size: usize,
    body: Box<dyn FnOnce() + Send>,
) -> Result<(), HResult> {
    // Taken here, not by the thread itself: the caller may unload the module before the thread
    // first runs.
    let module = own_module(0).ok_or(HResult::E_OUTOFMEMORY)?;
    let name = name.encode_utf16().chain([0]).collect();
    let start = Box::into_raw(Box::new(Start { module, name, body }));
    let flags = if stack_size == 0 { 0 } else { STACK_SIZE_PARAM_IS_A_RESERVATION };
    // SAFETY: `run` has the form that the CreateThread page asks for, and takes the box over; with
    // this flag the size is the one to reserve.
    let thread = unsafe {
        CreateThread(ptr::null(), stack_size, Some(run), start.cast(), flags, ptr::null_mut())
    };
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
    describe(start.name);
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

/// Names this thread, for debuggers and dumps.
fn describe(name: Vec<u16>) {
    // SAFETY: returns a pseudo-handle, without any condition.
    let thread = unsafe { GetCurrentThread() };
    // SAFETY: the text is terminated and valid for the call ("SetThreadDescription").
    unsafe { SetThreadDescription(thread, name.as_ptr()) };
}

//! Loading a provider from a DLL.
#![expect(unsafe_code, reason = "loads a DLL and calls an export of it")]

use std::ffi::{CString, OsStr, c_void};
use std::os::windows::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use mapi_sync::HResult;
use windows_core::{IUnknown, Interface};
use windows_sys::Win32::Foundation::GetLastError;
use windows_sys::Win32::System::Diagnostics::Debug::{
    SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SetErrorMode,
};
use windows_sys::Win32::System::LibraryLoader::{
    GetProcAddress, LOAD_WITH_ALTERED_SEARCH_PATH, LoadLibraryExW,
};

/// Why a DLL gave no store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The DLL could not be loaded.
    #[error("the library cannot be loaded: Windows error {0}")]
    Library(u32),
    /// The DLL has no such export, in any of the spellings that were tried.
    #[error("the library has no export {0}")]
    Export(String),
    /// The export answered a failure.
    #[error("the export answered {0}")]
    Refused(HResult),
    /// The export answered success and left NULL.
    #[error("the export answered success and gave no store")]
    Nothing,
}

/// Loads a DLL and calls its `HRESULT __stdcall export(IUnknown **store)`.
///
/// On 32 bits, where compilers decorate such names, `export@4` and `_export@4` are tried too. The
/// DLL stays loaded, and from now on a crash ends this process without a dialog. Load a library
/// that is not trusted into a separate process.
///
/// # Errors
///
/// See [`LoadError`].
pub fn load_store(library: &Path, export: &str) -> Result<IUnknown, LoadError> {
    // SAFETY: only changes a setting of this process.
    unsafe { SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX) };
    let name = wide(library.as_os_str());
    // SAFETY: a terminated path, absolute or relative, and the reserved handle NULL. What the
    // library's entry point does is what the caller asked for.
    let module =
        unsafe { LoadLibraryExW(name.as_ptr(), ptr::null_mut(), LOAD_WITH_ALTERED_SEARCH_PATH) };
    if module.is_null() {
        // SAFETY: reads a number of this thread.
        return Err(LoadError::Library(unsafe { GetLastError() }));
    }
    let spellings: &[String] = if cfg!(target_arch = "x86") {
        &[export.to_owned(), format!("{export}@4"), format!("_{export}@4")]
    } else {
        &[export.to_owned()]
    };
    let found = spellings.iter().find_map(|spelling| {
        let spelling = CString::new(spelling.as_str()).ok()?;
        // SAFETY: the module is loaded and stays so; the name is terminated.
        unsafe { GetProcAddress(module, spelling.as_ptr().cast()) }
    });
    let found = found.ok_or_else(|| LoadError::Export(export.to_owned()))?;
    // SAFETY: the caller names an export of this signature; nothing but its word says so.
    let export = unsafe {
        std::mem::transmute::<
            unsafe extern "system" fn() -> isize,
            unsafe extern "system" fn(*mut *mut c_void) -> i32,
        >(found)
    };
    let mut store = ptr::null_mut();
    // SAFETY: as above; the out-pointer is valid for the call.
    let answer = HResult::from_i32(unsafe { export(&mut store) });
    if answer.is_failure() {
        return Err(LoadError::Refused(answer));
    }
    if store.is_null() {
        return Err(LoadError::Nothing);
    }
    // SAFETY: the export answered with an object, and a reference to it.
    Ok(unsafe { IUnknown::from_raw(store) })
}

fn wide(text: &OsStr) -> Vec<u16> {
    text.encode_wide().chain([0]).collect()
}

//! Loading a provider from a DLL.
#![expect(unsafe_code, reason = "loads a DLL and calls exports of it")]

use std::ffi::{CStr, CString, OsStr, c_void};
use std::os::windows::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use mapi_sync::HResult;
use mapi_sync::com::IMAPISync;
use windows_core::{IUnknown, Interface};
use windows_sys::Win32::Foundation::{FreeLibrary, GetLastError, HMODULE};
use windows_sys::Win32::System::Diagnostics::Debug::{
    SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SetErrorMode,
};
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
    GetModuleHandleExW, GetProcAddress, LOAD_WITH_ALTERED_SEARCH_PATH, LoadLibraryExW,
};

use crate::words;

/// Why a DLL gave no store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The DLL could not be loaded, for the reason that stands here in words.
    #[error("the library cannot be loaded: {0}")]
    Library(String),
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

/// A DLL, loaded until [`unload`](Self::unload).
#[derive(Debug)]
pub struct Library {
    module: HMODULE,
    export: Export,
}

type Export = unsafe extern "system" fn(*mut *mut c_void) -> i32;

type Address = unsafe extern "system" fn() -> isize;

impl Library {
    /// Loads a DLL that exports `HRESULT __stdcall export(IUnknown **store)`.
    ///
    /// On 32 bits, where compilers decorate such names, `export@4` and `_export@4` are tried too.
    /// From now on a crash ends this process without a dialog. Load a library that is not trusted
    /// into a separate process.
    ///
    /// # Errors
    ///
    /// See [`LoadError`].
    pub fn load(library: &Path, export: &str) -> Result<Self, LoadError> {
        // SAFETY: only changes a setting of this process.
        unsafe { SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX) };
        let name = wide(library.as_os_str());
        // SAFETY: a terminated path, absolute or relative, and the reserved handle NULL. What the
        // library's entry point does is what the caller asked for.
        let module = unsafe {
            LoadLibraryExW(name.as_ptr(), ptr::null_mut(), LOAD_WITH_ALTERED_SEARCH_PATH)
        };
        if module.is_null() {
            // SAFETY: reads a number of this thread.
            let number = unsafe { GetLastError() };
            return Err(LoadError::Library(words::why_not_loaded(library, number)));
        }
        let spellings: &[String] = if cfg!(target_arch = "x86") {
            &[export.to_owned(), format!("{export}@4"), format!("_{export}@4")]
        } else {
            &[export.to_owned()]
        };
        let found = spellings.iter().find_map(|spelling| {
            let spelling = CString::new(spelling.as_str()).ok()?;
            address(module, &spelling)
        });
        let found = found.ok_or_else(|| LoadError::Export(export.to_owned()))?;
        // SAFETY: the caller names an export of this signature; nothing but its word says so.
        let export = unsafe { std::mem::transmute::<Address, Export>(found) };
        Ok(Self { module, export })
    }

    /// Calls the export: a store, with a reference.
    ///
    /// # Errors
    ///
    /// [`LoadError::Refused`] and [`LoadError::Nothing`].
    pub fn store(&self) -> Result<IUnknown, LoadError> {
        let mut store = ptr::null_mut();
        // SAFETY: the library is loaded, and the caller of `load` has promised the signature; the
        // out-pointer is valid for the call.
        let answer = HResult::from_i32(unsafe { (self.export)(&mut store) });
        if answer.is_failure() {
            return Err(LoadError::Refused(answer));
        }
        if store.is_null() {
            return Err(LoadError::Nothing);
        }
        // SAFETY: the export answered with an object, and a reference to it.
        Ok(unsafe { IUnknown::from_raw(store) })
    }

    /// The answer of its DllCanUnloadNow, if it has one: whether it is `S_OK`.
    #[must_use]
    pub fn can_unload_now(&self) -> Option<bool> {
        type CanUnloadNow = unsafe extern "system" fn() -> i32;

        // The second is how some compilers decorate it on 32 bits.
        let found = address(self.module, c"DllCanUnloadNow")
            .or_else(|| address(self.module, c"DllCanUnloadNow@0"))?;
        // SAFETY: `HRESULT __stdcall DllCanUnloadNow(void)`, as its page says.
        let can_unload = unsafe { std::mem::transmute::<Address, CanUnloadNow>(found) };
        // SAFETY: as above; the library is loaded.
        Some(HResult::from_i32(unsafe { can_unload() }) == HResult::S_OK)
    }

    /// Unloads it, as far as it lets itself be unloaded: whether it is gone.
    ///
    /// Its code must not run, and nothing of it must be used from now on: that is for the caller to
    /// find out, and a mistake ends this process.
    #[must_use]
    pub fn unload(self) -> bool {
        // SAFETY: loaded once by `load`. That nothing of it is used any more is for the caller to
        // know; this process is there to show it.
        unsafe { FreeLibrary(self.module) };
        let mut still = ptr::null_mut();
        let flags =
            GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
        // SAFETY: with FROM_ADDRESS the "name" is any address, here where the module began; `still`
        // is valid for the write.
        unsafe { GetModuleHandleExW(flags, self.module.cast(), &mut still) == 0 }
    }
}

fn address(module: HMODULE, name: &CStr) -> Option<Address> {
    // SAFETY: the module is loaded; the name is terminated.
    unsafe { GetProcAddress(module, name.as_ptr().cast()) }
}

/// Why a store gave no `IMAPISync`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// QueryInterface answered a failure.
    #[error("the store answered {0} for IMAPISync")]
    Refused(HResult),
    /// QueryInterface answered success and left NULL.
    #[error("the store answered {0} for IMAPISync, and left a NULL interface")]
    Nothing(HResult),
}

/// Asks a store for its `IMAPISync`, and gives it back.
///
/// # Errors
///
/// See [`QueryError`].
pub fn query_sync(store: &IUnknown) -> Result<(), QueryError> {
    let mut found = ptr::null_mut();
    // SAFETY: a live object; `found` is valid for the write.
    let answer = unsafe { store.query(&IMAPISync::IID, &mut found) };
    let answer = HResult::from_i32(answer.0);
    if answer.is_failure() {
        return Err(QueryError::Refused(answer));
    }
    if found.is_null() {
        return Err(QueryError::Nothing(answer));
    }
    // SAFETY: QueryInterface answered with a reference to this interface.
    drop(unsafe { IMAPISync::from_raw(found) });
    Ok(())
}

fn wide(text: &OsStr) -> Vec<u16> {
    text.encode_wide().chain([0]).collect()
}

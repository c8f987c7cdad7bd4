//! MAPIInitialize and MAPIUninitialize, from the library that the system has for them.

use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::sync::Arc;

use windows_sys::Win32::Foundation::HMODULE;
use windows_sys::Win32::System::LibraryLoader::{GetProcAddress, LoadLibraryW};

use super::win32::last_error;
use crate::HResult;

type Initialize = unsafe extern "system" fn(init: *mut c_void) -> i32;

type Uninitialize = unsafe extern "system" fn();

/// `MAPIINIT_0`.
#[repr(C)]
struct Init {
    version: u32,
    flags: u32,
}

const MAPI_INIT_VERSION: u32 = 0;
const MAPI_MULTITHREAD_NOTIFICATIONS: u32 = 1;
const MAPI_NO_COINIT: u32 = 8;

/// The functions of `mapi32.dll`, which stays loaded.
pub(crate) struct Mapi {
    initialize: Initialize,
    uninitialize: Uninitialize,
}

impl Mapi {
    /// # Errors
    ///
    /// The failure to load the library, or that it lacks one of the functions.
    pub(crate) fn load() -> Result<Self, HResult> {
        let name: Vec<u16> = "mapi32.dll\0".encode_utf16().collect();
        // SAFETY: the name is terminated and valid for the call ("LoadLibraryW").
        let library = unsafe { LoadLibraryW(name.as_ptr()) };
        if library.is_null() {
            return Err(last_error());
        }
        let initialize = address(library, c"MAPIInitialize")?;
        let uninitialize = address(library, c"MAPIUninitialize")?;
        Ok(Self {
            // SAFETY: `HRESULT MAPIInitialize(LPVOID lpMapiInit)`, __stdcall, as its page says.
            initialize: unsafe { std::mem::transmute::<Address, Initialize>(initialize) },
            // SAFETY: `void MAPIUninitialize(void)`, __stdcall, as its page says.
            uninitialize: unsafe { std::mem::transmute::<Address, Uninitialize>(uninitialize) },
        })
    }
}

type Address = unsafe extern "system" fn() -> isize;

fn address(library: HMODULE, name: &CStr) -> Result<Address, HResult> {
    // SAFETY: a loaded library, and a terminated name ("GetProcAddress").
    let found = unsafe { GetProcAddress(library, name.as_ptr().cast()) };
    found.ok_or(HResult::MAPI_E_NOT_FOUND)
}

/// A thread between MAPIInitialize and MAPIUninitialize.
pub(crate) struct MapiThread {
    library: Arc<Mapi>,
    /// MAPIUninitialize belongs to the thread that called MAPIInitialize.
    _thread: PhantomData<*const ()>,
}

impl MapiThread {
    pub(crate) fn enter(library: &Arc<Mapi>) -> Result<Self, HResult> {
        let flags = MAPI_MULTITHREAD_NOTIFICATIONS | MAPI_NO_COINIT;
        let mut init = Init { version: MAPI_INIT_VERSION, flags };
        // SAFETY: the library is never freed; the argument is a MAPIINIT_0 that is valid for the
        // call ("MAPIInitialize").
        let answer = unsafe { (library.initialize)((&raw mut init).cast()) };
        HResult::from_i32(answer).ok()?;
        Ok(Self { library: Arc::clone(library), _thread: PhantomData })
    }
}

impl Drop for MapiThread {
    fn drop(&mut self) {
        // SAFETY: on the thread that called MAPIInitialize, once for that call
        // ("MAPIUninitialize").
        unsafe { (self.library.uninitialize)() };
    }
}

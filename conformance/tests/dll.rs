//! What concerns DLLs: the version of the example, DllCanUnloadNow, and a start under the loader
//! lock.
#![cfg(windows)]
#![expect(unsafe_code, reason = "the tests call what loaded DLLs export, as COM does")]

use std::ffi::{CStr, c_void};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Arc, Mutex, OnceLock};

use mapi_sync::HResult;
use mapi_sync::com::{IUnknown, Incident, Provider};
use mapi_sync_conformance::case;
use mapi_sync_conformance::com_check::built;
use mapi_sync_conformance::cpp::{self, Plan};
use mapi_sync_conformance::provider::Scripted;
use windows_core::{HSTRING, Interface, w};
use windows_sys::Win32::Foundation::{CloseHandle, FreeLibrary, HMODULE, WAIT_OBJECT_0};
use windows_sys::Win32::Storage::FileSystem::{
    GetFileVersionInfoSizeW, GetFileVersionInfoW, VS_FIXEDFILEINFO, VerQueryValueW,
};
use windows_sys::Win32::System::LibraryLoader::{GetProcAddress, LoadLibraryW};
use windows_sys::Win32::System::Threading::{
    CREATE_SUSPENDED, CreateThread, INFINITE, ResumeThread, WaitForSingleObject,
};

fn scenario_store() -> PathBuf {
    built("examples/scenario_store.dll")
}

#[test]
fn the_version_is_that_of_the_package() {
    let path = HSTRING::from(scenario_store().as_path());
    // SAFETY: the path is terminated; NULL is allowed for the handle, which is ignored.
    let size = unsafe { GetFileVersionInfoSizeW(path.as_ptr(), ptr::null_mut()) };
    assert_ne!(size, 0, "a version resource");
    let mut block = vec![0_u32; (size as usize).div_ceil(4)];
    // SAFETY: the block has room for `size` bytes.
    let read = unsafe { GetFileVersionInfoW(path.as_ptr(), 0, size, block.as_mut_ptr().cast()) };
    assert_ne!(read, 0);
    let (mut value, mut length) = (ptr::null_mut(), 0);
    // SAFETY: the block was filled, and the out-pointers are valid for the writes.
    let found = unsafe {
        VerQueryValueW(block.as_ptr().cast(), w!("\\").as_ptr(), &mut value, &mut length)
    };
    assert_ne!(found, 0);
    assert_eq!(length as usize, size_of::<VS_FIXEDFILEINFO>());
    // SAFETY: the value of "\\" is this structure, inside of the block.
    let info = unsafe { value.cast::<VS_FIXEDFILEINFO>().read_unaligned() };
    let parts = [
        info.dwFileVersionMS >> 16,
        info.dwFileVersionMS & 0xFFFF,
        info.dwFileVersionLS >> 16,
        info.dwFileVersionLS & 0xFFFF,
    ];
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(parts.map(|part| part.to_string()).join("."), format!("{version}.0"));
}

/// A loaded DLL, until it is dropped.
struct Module(HMODULE);

impl Module {
    fn load(path: &Path) -> Self {
        let path = HSTRING::from(path);
        // SAFETY: the path is terminated.
        let module = unsafe { LoadLibraryW(path.as_ptr()) };
        assert!(!module.is_null(), "{path:?} does not load");
        Self(module)
    }

    /// # Safety
    ///
    /// The DLL exports a function of the type `F` under this name, which is not called after the
    /// drop of the module.
    unsafe fn export<F: Copy>(&self, name: &CStr) -> F {
        // SAFETY: the module is loaded, and the name is terminated.
        let found = unsafe { GetProcAddress(self.0, name.as_ptr().cast()) };
        let found = found.unwrap_or_else(|| panic!("no export {name:?}"));
        assert_eq!(size_of::<F>(), size_of_val(&found));
        // SAFETY: a function pointer of the type that the caller promises.
        unsafe { std::mem::transmute_copy(&found) }
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // SAFETY: it is loaded, and whoever got an export of it promised to use it no more.
        assert_ne!(unsafe { FreeLibrary(self.0) }, 0);
    }
}

#[test]
fn com_may_unload_it_once_its_store_is_gone() {
    type CanUnload = extern "system" fn() -> i32;
    type MakeStore = unsafe extern "system" fn(*mut *mut c_void) -> i32;

    let module = Module::load(&scenario_store());
    // SAFETY: the example exports this.
    let can_unload: CanUnload = unsafe { module.export(c"DllCanUnloadNow") };
    // SAFETY: as above.
    let make_store: MakeStore = unsafe { module.export(c"MapiSyncTestStore") };
    assert_eq!(HResult::from_i32(can_unload()), HResult::S_OK);
    let mut store = ptr::null_mut();
    // SAFETY: the out-pointer is valid for the write.
    assert_eq!(unsafe { make_store(&mut store) }, 0);
    // SAFETY: the reference to a new object, which is ours.
    let store = unsafe { IUnknown::from_raw(store) };
    assert_eq!(HResult::from_i32(can_unload()), HResult::S_FALSE);
    drop(store);
    assert_eq!(HResult::from_i32(can_unload()), HResult::S_OK);
}

/// Compiled by the build script, where there is a compiler for the target.
const CPP_ATTACH: &str = match option_env!("CPP_ATTACH_DLL") {
    Some(dll) => dll,
    None => "cpp_attach.dll",
};

/// The result of the start that is made under the loader lock.
static STARTED: OnceLock<(i32, Vec<Incident>)> = OnceLock::new();

extern "C" fn start_under_the_loader_lock() {
    let incidents = Arc::new(Mutex::new(Vec::new()));
    let reported = Arc::clone(&incidents);
    let store = Provider::new(Scripted::new(&case::plain()))
        .with_incidents(move |incident| reported.lock().unwrap().push(incident.clone()))
        .into_sync();
    let (report, calls) = cpp::host(store.into(), &Plan::default());
    assert_eq!((report.out_pointer, report.references_left), (1, 0));
    assert_eq!(calls, []);
    let incidents = incidents.lock().unwrap().clone();
    STARTED.set((report.start, incidents)).expect("it is called once");
}

unsafe extern "system" fn ends_at_once(_: *mut c_void) -> u32 {
    0
}

#[test]
fn a_start_under_the_loader_lock_fails_and_does_not_hang() {
    type WhenThreadBegins = extern "C" fn(u32, extern "C" fn());

    let module = Module::load(Path::new(CPP_ATTACH));
    // SAFETY: the DLL exports this.
    let when_thread_begins: WhenThreadBegins = unsafe { module.export(c"cpp_when_thread_begins") };
    let mut id = 0;
    // A thread of the system's own: one of the standard library's must not run its code so early.
    // SAFETY: the function needs no argument, and `id` is valid for the write.
    let thread = unsafe {
        CreateThread(ptr::null(), 0, Some(ends_at_once), ptr::null(), CREATE_SUSPENDED, &mut id)
    };
    assert!(!thread.is_null());
    when_thread_begins(id, start_under_the_loader_lock);
    // It starts the sync from DllMain. The thread of the sync cannot begin while that holds the
    // lock.
    // SAFETY: a handle to a thread, which is ours.
    assert_eq!(unsafe { ResumeThread(thread) }, 1);
    let started = STARTED.wait();
    // SAFETY: as above, and it is closed only here. The thread needs the DLL to end.
    assert_eq!(unsafe { WaitForSingleObject(thread, INFINITE) }, WAIT_OBJECT_0);
    // SAFETY: as above.
    assert_ne!(unsafe { CloseHandle(thread) }, 0);
    assert_eq!(*started, (HResult::E_UNEXPECTED.as_i32(), vec![Incident::NotBegun]));
}

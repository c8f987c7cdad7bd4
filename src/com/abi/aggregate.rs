//! `IMAPISync` and `IMAPIProviderShutdown` as a part of an object that is implemented elsewhere.

use std::ffi::c_void;
use std::mem::ManuallyDrop;

use windows_core::{GUID, HRESULT, IUnknown, IUnknown_Vtbl, Interface};

use super::{
    FreeThreaded, IMAPIProviderShutdown, IMAPIProviderShutdown_Vtbl, IMAPISync, IMAPISync_Vtbl,
    MAPISIB,
};
use crate::com::Provider;
use crate::com::thread::LiveObject;
use crate::{HResult, ShutdownMethod};

/// The `IMAPISync` of a store object that is implemented elsewhere, in C++ or with `windows-core`.
///
/// The store owns the part, and its QueryInterface asks the part after its own interfaces. To COM
/// the two are one object: the `IUnknown` methods of the part forward to the store's, so references
/// to the part are references to the store ("COM aggregation", here without an `IUnknown` of the
/// inner object, which only the store would use).
///
/// A running sync holds a reference to the store.
///
/// Where the provider has [`ProviderShutdown`](crate::ProviderShutdown), the part answers
/// `IMAPIProviderShutdown` too. MAPI asks the object that answers `IMSProvider` for that: make a
/// part of it, over a clone of the same [`Provider`].
pub struct SyncAggregate {
    part: Box<Part>,
}

/// The target of the pointers to the part: one for each method table.
#[repr(C)]
struct Part {
    sync: &'static IMAPISync_Vtbl,
    shutdown: &'static IMAPIProviderShutdown_Vtbl,
    /// Not counted: the store owns the part.
    outer: ManuallyDrop<FreeThreaded>,
    provider: Provider,
    _live: LiveObject,
}

impl SyncAggregate {
    pub(crate) fn new(provider: Provider, outer: &IUnknown) -> Self {
        // SAFETY: the copy is never dropped, so it takes no reference. It is used only in calls
        // through the part, and those come from holders of a reference, which keep `outer`
        // alive.
        let outer = ManuallyDrop::new(FreeThreaded(unsafe { IUnknown::from_raw(outer.as_raw()) }));
        let (sync, shutdown) = (&SYNC, &SHUTDOWN);
        Self { part: Box::new(Part { sync, shutdown, outer, provider, _live: LiveObject::new() }) }
    }

    /// Answers the store's QueryInterface for `IMAPISync`, and for `IMAPIProviderShutdown` where
    /// the provider has it, with a reference to the store; anything else with
    /// [`HResult::E_NOINTERFACE`] and NULL.
    ///
    /// # Safety
    ///
    /// `iid` is NULL or valid for a read, `object` NULL or valid for a write, as QueryInterface's
    /// arguments are; the store that owns this is alive.
    pub unsafe fn query_interface(&self, iid: *const GUID, object: *mut *mut c_void) -> HResult {
        if iid.is_null() || object.is_null() {
            return HResult::E_POINTER;
        }
        let part: *const Part = &raw const *self.part;
        // SAFETY: valid for a read, as the caller promises.
        let iid = unsafe { iid.read_unaligned() };
        let found: *const c_void = if iid == IMAPISync::IID {
            part.cast()
        } else if iid == IMAPIProviderShutdown::IID && self.part.provider.has_shutdown() {
            // The second pointer of the part.
            part.cast::<*const c_void>().wrapping_add(1).cast()
        } else {
            // SAFETY: valid for a write, as the caller promises.
            unsafe { object.write_unaligned(std::ptr::null_mut()) };
            return HResult::E_NOINTERFACE;
        };
        let reference = self.part.outer.0.clone();
        std::mem::forget(reference);
        // SAFETY: as above. The pointer is good for as long as the reference just taken.
        unsafe { object.write_unaligned(found.cast_mut()) };
        HResult::S_OK
    }
}

impl std::fmt::Debug for SyncAggregate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SyncAggregate")
    }
}

static SYNC: IMAPISync_Vtbl =
    IMAPISync_Vtbl { base__: unknown::<0>(), SynchronizeInBackground: synchronize_in_background };

static SHUTDOWN: IMAPIProviderShutdown_Vtbl = IMAPIProviderShutdown_Vtbl {
    base__: unknown::<1>(),
    QueryFastShutdown: query_fast_shutdown,
    NotifyProcessShutdown: notify_process_shutdown,
    DoFastShutdown: do_fast_shutdown,
};

/// `IUnknown`'s methods for the pointer at this place of the part.
const fn unknown<const PLACE: usize>() -> IUnknown_Vtbl {
    IUnknown_Vtbl {
        QueryInterface: query_interface::<PLACE>,
        AddRef: add_ref::<PLACE>,
        Release: release::<PLACE>,
    }
}

/// # Safety
///
/// `this` came from [`SyncAggregate::query_interface`] as the pointer at this place of the part,
/// and its reference has not been given back.
unsafe fn part<'a, const PLACE: usize>(this: *mut c_void) -> &'a Part {
    let part = this.cast::<*const c_void>().wrapping_sub(PLACE);
    // SAFETY: the caller's promise; the store keeps the part where it is until the last reference
    // is gone.
    unsafe { &*part.cast::<Part>() }
}

/// # Safety
///
/// As for [`part`].
unsafe fn outer<'a, const PLACE: usize>(this: *mut c_void) -> &'a IUnknown {
    // SAFETY: passed on.
    &unsafe { part::<PLACE>(this) }.outer.0
}

unsafe extern "system" fn query_interface<const PLACE: usize>(
    this: *mut c_void,
    iid: *const GUID,
    object: *mut *mut c_void,
) -> HRESULT {
    // SAFETY: COM callers call only through references that they hold.
    let outer = unsafe { outer::<PLACE>(this) };
    let query = Interface::vtable(outer).QueryInterface;
    // SAFETY: the store is alive, by the caller's reference; the arguments are the caller's, passed
    // on.
    unsafe { query(outer.as_raw(), iid, object) }
}

unsafe extern "system" fn add_ref<const PLACE: usize>(this: *mut c_void) -> u32 {
    // SAFETY: COM callers call only through references that they hold.
    let outer = unsafe { outer::<PLACE>(this) };
    let add_ref = Interface::vtable(outer).AddRef;
    // SAFETY: the store is alive, by the caller's reference.
    unsafe { add_ref(outer.as_raw()) }
}

unsafe extern "system" fn release<const PLACE: usize>(this: *mut c_void) -> u32 {
    // SAFETY: COM callers call only through references that they hold.
    let outer = unsafe { outer::<PLACE>(this) };
    let (outer, release) = (outer.as_raw(), Interface::vtable(outer).Release);
    // SAFETY: the caller gives its reference back. The part may be gone when this returns, and is
    // not used after it.
    unsafe { release(outer) }
}

unsafe extern "system-unwind" fn synchronize_in_background(
    this: *mut c_void,
    pmapisib: *mut MAPISIB,
) -> HRESULT {
    // SAFETY: COM callers call only through references that they hold.
    let part = unsafe { part::<0>(this) };
    // SAFETY: the host's arguments, passed on.
    let started = unsafe { part.provider.synchronize_in_background(Some(&part.outer.0), pmapisib) };
    HRESULT(started.as_i32())
}

unsafe extern "system-unwind" fn query_fast_shutdown(this: *mut c_void) -> HRESULT {
    // SAFETY: COM callers call only through references that they hold.
    unsafe { shut_down(this, ShutdownMethod::QueryFastShutdown) }
}

unsafe extern "system-unwind" fn notify_process_shutdown(this: *mut c_void) -> HRESULT {
    // SAFETY: as above.
    unsafe { shut_down(this, ShutdownMethod::NotifyProcessShutdown) }
}

unsafe extern "system-unwind" fn do_fast_shutdown(this: *mut c_void) -> HRESULT {
    // SAFETY: as above.
    unsafe { shut_down(this, ShutdownMethod::DoFastShutdown) }
}

/// # Safety
///
/// As for [`part`], of the pointer to the methods of shutdown.
unsafe fn shut_down(this: *mut c_void, method: ShutdownMethod) -> HRESULT {
    // SAFETY: the caller's promise.
    let part = unsafe { part::<1>(this) };
    HRESULT(part.provider.shut_down(method).as_i32())
}

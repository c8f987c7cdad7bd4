//! `IMAPISync` as a part of a store object that is implemented elsewhere.

use std::ffi::c_void;
use std::mem::ManuallyDrop;

use windows_core::{GUID, HRESULT, IUnknown, IUnknown_Vtbl, Interface};

use super::{FreeThreaded, IMAPISync, IMAPISync_Vtbl, MAPISIB};
use crate::HResult;
use crate::com::Provider;
use crate::com::thread::LiveObject;

/// The `IMAPISync` of a store object that is implemented elsewhere, in C++ or with `windows-core`.
///
/// The store owns the part, and its QueryInterface asks the part after its own interfaces. To COM
/// the two are one object: the `IUnknown` methods of the part forward to the store's, so references
/// to the part are references to the store ("COM aggregation", here without an `IUnknown` of the
/// inner object, which only the store would use).
///
/// A running sync holds a reference to the store.
pub struct SyncAggregate {
    part: Box<Part>,
}

/// The target of an `IMAPISync` pointer to the part.
#[repr(C)]
struct Part {
    vtable: &'static IMAPISync_Vtbl,
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
        Self { part: Box::new(Part { vtable: &VTABLE, outer, provider, _live: LiveObject::new() }) }
    }

    /// Answers the store's QueryInterface for `IMAPISync`, with a reference to the store; anything
    /// else with [`HResult::E_NOINTERFACE`] and NULL.
    ///
    /// # Safety
    ///
    /// `iid` is NULL or valid for a read, `object` NULL or valid for a write, as QueryInterface's
    /// arguments are; the store that owns this is alive.
    pub unsafe fn query_interface(&self, iid: *const GUID, object: *mut *mut c_void) -> HResult {
        if iid.is_null() || object.is_null() {
            return HResult::E_POINTER;
        }
        // SAFETY: valid for a read, as the caller promises.
        if unsafe { iid.read_unaligned() } != IMAPISync::IID {
            // SAFETY: valid for a write, as the caller promises.
            unsafe { object.write_unaligned(std::ptr::null_mut()) };
            return HResult::E_NOINTERFACE;
        }
        let reference = self.part.outer.0.clone();
        std::mem::forget(reference);
        // SAFETY: as above. The pointer is good for as long as the reference just taken.
        unsafe { object.write_unaligned((&raw const *self.part).cast_mut().cast()) };
        HResult::S_OK
    }
}

impl std::fmt::Debug for SyncAggregate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SyncAggregate")
    }
}

static VTABLE: IMAPISync_Vtbl = IMAPISync_Vtbl {
    base__: IUnknown_Vtbl { QueryInterface: query_interface, AddRef: add_ref, Release: release },
    SynchronizeInBackground: synchronize_in_background,
};

/// # Safety
///
/// `this` came from [`SyncAggregate::query_interface`], and its reference has not been given back.
unsafe fn part<'a>(this: *mut c_void) -> &'a Part {
    // SAFETY: the caller's promise; the store keeps the part where it is until the last reference
    // is gone.
    unsafe { &*this.cast::<Part>() }
}

/// # Safety
///
/// As for [`part`].
unsafe fn outer<'a>(this: *mut c_void) -> &'a IUnknown {
    // SAFETY: passed on.
    &unsafe { part(this) }.outer.0
}

unsafe extern "system" fn query_interface(
    this: *mut c_void,
    iid: *const GUID,
    object: *mut *mut c_void,
) -> HRESULT {
    // SAFETY: COM callers call only through references that they hold.
    let outer = unsafe { outer(this) };
    let query = Interface::vtable(outer).QueryInterface;
    // SAFETY: the store is alive, by the caller's reference; the arguments are the caller's, passed
    // on.
    unsafe { query(outer.as_raw(), iid, object) }
}

unsafe extern "system" fn add_ref(this: *mut c_void) -> u32 {
    // SAFETY: COM callers call only through references that they hold.
    let outer = unsafe { outer(this) };
    let add_ref = Interface::vtable(outer).AddRef;
    // SAFETY: the store is alive, by the caller's reference.
    unsafe { add_ref(outer.as_raw()) }
}

unsafe extern "system" fn release(this: *mut c_void) -> u32 {
    // SAFETY: COM callers call only through references that they hold.
    let outer = unsafe { outer(this) };
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
    let part = unsafe { part(this) };
    // SAFETY: the host's arguments, passed on.
    let started = unsafe { part.provider.synchronize_in_background(Some(&part.outer.0), pmapisib) };
    HRESULT(started.as_i32())
}

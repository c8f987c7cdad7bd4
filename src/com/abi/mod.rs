//! The binary interface, as the reference pages "IMAPISync : IUnknown", "IMAPISyncProgressCallback
//! : IUnknown", "IMAPIProviderShutdown : IUnknown" and "MAPISIB" state it: declarations, thunks,
//! and safe calls around them. The work is done elsewhere in [`com`](super).
//!
//! Widths are fixed: a `ULONG` has 32 bits on every system, a `WCHAR` 16. Calls are `extern
//! "system-unwind"`: `__stdcall` on 32-bit Windows and the C convention elsewhere. An exception
//! that escapes from C++ then unwinds through our frames instead of being undefined behaviour (see
//! [`guard`](super::guard)).
//!
//! Only this module touches foreign memory, apart from the one method of a
//! [`Provider`](super::Provider) that a host calls.
#![expect(unsafe_code, reason = "declares foreign memory and functions, and wraps them")]
#![expect(non_snake_case, non_camel_case_types, reason = "the names are those of the MAPI headers")]

mod aggregate;
mod calls;
#[cfg(all(windows, target_env = "msvc", feature = "etw"))]
mod etw;
#[cfg(windows)]
mod mapi;
mod object;
mod shutdown;
mod sib;
mod store;
#[cfg(windows)]
mod thread;
mod unknown;
mod utf16;
#[cfg(windows)]
pub(crate) mod win32;

use std::ffi::c_void;
use std::mem::{offset_of, size_of};

use windows_core::{GUID, HRESULT, IUnknown, IUnknown_Vtbl, IUnknownImpl, Interface, RuntimeName};

pub use self::aggregate::SyncAggregate;
pub(crate) use self::calls::Gate;
#[cfg(all(windows, target_env = "msvc", feature = "etw"))]
pub(crate) use self::etw::EtwProvider;
#[cfg(windows)]
pub(crate) use self::mapi::{Mapi, MapiThread};
pub(crate) use self::object::{Callee, Object};
pub use self::shutdown::{
    IMAPIProviderShutdown, IMAPIProviderShutdown_Impl, IMAPIProviderShutdown_Vtbl,
};
pub(crate) use self::sib::{Block, OutPointer, OutSlot};
pub(crate) use self::store::provider_object;
#[cfg(windows)]
pub(crate) use self::thread::{pin_module, spawn};
pub(crate) use self::unknown::{Borrowed, Held, Revocable};

/// "MAPI Sync Information Block": what the host passes to `SynchronizeInBackground`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MAPISIB {
    /// The size of the block in bytes; a later, larger version starts with the same members.
    pub ulSize: u32,
    /// What to synchronize, and how.
    pub ulFlags: u32,
    /// The MAPI session of the sync, an `IMAPISession`.
    pub psesSync: *mut c_void,
    /// To be queried for `IMAPISyncProgressCallback`.
    pub punkCallBack: *mut c_void,
    /// Out: receives the event that occurs once the thread of the sync is complete.
    pub phSyncDoneEvent: *mut *mut c_void,
}

/// The store provider's side: starts a sync.
#[repr(transparent)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IMAPISync(IUnknown);

/// The method table of [`IMAPISync`], after `IUnknown`'s.
#[repr(C)]
pub struct IMAPISync_Vtbl {
    /// QueryInterface, AddRef, Release.
    pub base__: IUnknown_Vtbl,
    /// `HRESULT SynchronizeInBackground(PMAPISIB pmapisib)`
    pub SynchronizeInBackground:
        unsafe extern "system-unwind" fn(this: *mut c_void, pmapisib: *mut MAPISIB) -> HRESULT,
}

/// The host's side: receives progress, errors and the end.
#[repr(transparent)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IMAPISyncProgressCallback(IUnknown);

/// The method table of [`IMAPISyncProgressCallback`], after `IUnknown`'s.
#[repr(C)]
pub struct IMAPISyncProgressCallback_Vtbl {
    /// QueryInterface, AddRef, Release.
    pub base__: IUnknown_Vtbl,
    /// `HRESULT Progress(const WCHAR *pwcszProgress, ULONG ulIndex, ULONG ulIndexMax)`
    pub Progress: unsafe extern "system-unwind" fn(
        this: *mut c_void,
        pwcszProgress: *const u16,
        ulIndex: u32,
        ulIndexMax: u32,
    ) -> HRESULT,
    /// `HRESULT Error(HRESULT hResult, const WCHAR *pwcszErrorStr)`
    pub Error: unsafe extern "system-unwind" fn(
        this: *mut c_void,
        hResult: HRESULT,
        pwcszErrorStr: *const u16,
    ) -> HRESULT,
    /// `HRESULT Done(HANDLE hThreadDoneEvent, HRESULT hResult)`
    pub Done: unsafe extern "system-unwind" fn(
        this: *mut c_void,
        hThreadDoneEvent: *mut c_void,
        hResult: HRESULT,
    ) -> HRESULT,
}

/// What an object that answers [`IMAPISync`] implements. An implementation catches its own panics.
pub trait IMAPISync_Impl: IUnknownImpl {
    /// # Safety
    ///
    /// `pmapisib` is NULL or valid for reads of its own `ulSize` bytes; its members follow the
    /// MAPISIB page.
    unsafe fn SynchronizeInBackground(&self, pmapisib: *mut MAPISIB) -> HRESULT;
}

/// What an object that answers [`IMAPISyncProgressCallback`] implements. An implementation catches
/// its own panics.
pub trait IMAPISyncProgressCallback_Impl: IUnknownImpl {
    /// # Safety
    ///
    /// `pwcszProgress` is NULL or a NUL-terminated UTF-16 text, valid for the call.
    unsafe fn Progress(&self, pwcszProgress: *const u16, ulIndex: u32, ulIndexMax: u32) -> HRESULT;

    /// # Safety
    ///
    /// `pwcszErrorStr` is NULL or a NUL-terminated UTF-16 text, valid for the call.
    unsafe fn Error(&self, hResult: HRESULT, pwcszErrorStr: *const u16) -> HRESULT;

    /// Done. The handle is a value here and is never dereferenced.
    fn Done(&self, hThreadDoneEvent: *mut c_void, hResult: HRESULT) -> HRESULT;
}

// SAFETY: a pointer to an IMAPISync points to a pointer to its method table, which starts with
// IUnknown's three and goes on with the one method of the IMAPISync page.
unsafe impl Interface for IMAPISync {
    type Vtable = IMAPISync_Vtbl;
    const IID: GUID = GUID::from_u128(0x5024a385_2d44_486a_81a8_8f0ecb6071dd);
}

// SAFETY: as for IMAPISync, with the three methods of the IMAPISyncProgressCallback page in its
// order.
unsafe impl Interface for IMAPISyncProgressCallback {
    type Vtable = IMAPISyncProgressCallback_Vtbl;
    const IID: GUID = GUID::from_u128(0x5024a386_2d44_486a_81a8_8f0ecb6071dd);
}

// SAFETY: MAPI is free-threaded: a provider's objects may be called on any thread ("Threading in
// MAPI").
unsafe impl Send for IMAPISync {}
// SAFETY: as for Send.
unsafe impl Sync for IMAPISync {}
// SAFETY: "the client makes its callback objects thread-safe": providers may call them on any
// thread.
unsafe impl Send for IMAPISyncProgressCallback {}
// SAFETY: as for Send.
unsafe impl Sync for IMAPISyncProgressCallback {}

/// A MAPI object of any interface, with a reference.
#[derive(Clone, Debug)]
pub(crate) struct FreeThreaded(pub(crate) IUnknown);

// SAFETY: MAPI is free-threaded: its objects may be called on any thread ("Threading in MAPI").
unsafe impl Send for FreeThreaded {}
// SAFETY: as for Send.
unsafe impl Sync for FreeThreaded {}

// Only IInspectable::GetRuntimeClassName would return the name, and there is none.
impl RuntimeName for IMAPISync {}

impl From<IMAPISync> for IUnknown {
    fn from(sync: IMAPISync) -> Self {
        sync.0
    }
}

impl From<IMAPISyncProgressCallback> for IUnknown {
    fn from(callback: IMAPISyncProgressCallback) -> Self {
        callback.0
    }
}

impl IMAPISync_Vtbl {
    /// The table for an object whose [`IMAPISync`] pointer lies `-OFFSET` pointers into it, as
    /// `#[implement]` asks.
    pub const fn new<Identity: IMAPISync_Impl, const OFFSET: isize>() -> Self {
        unsafe extern "system-unwind" fn synchronize_in_background<
            Identity: IMAPISync_Impl,
            const OFFSET: isize,
        >(
            this: *mut c_void,
            pmapisib: *mut MAPISIB,
        ) -> HRESULT {
            // SAFETY: the caller holds a reference to the object, which it got from us, so the
            // identity is alive; the offset is the one of the table that the call came
            // through.
            let identity = unsafe { identity::<Identity, OFFSET>(this) };
            // SAFETY: the caller passes a MAPISIB or NULL, as the page asks.
            unsafe { identity.SynchronizeInBackground(pmapisib) }
        }
        Self {
            base__: IUnknown_Vtbl::new::<Identity, OFFSET>(),
            SynchronizeInBackground: synchronize_in_background::<Identity, OFFSET>,
        }
    }

    /// Whether QueryInterface for `iid` is answered with this table.
    pub fn matches(iid: &GUID) -> bool {
        *iid == IMAPISync::IID
    }
}

impl IMAPISyncProgressCallback_Vtbl {
    /// The table for an object whose [`IMAPISyncProgressCallback`] pointer lies `-OFFSET` pointers
    /// into it.
    pub const fn new<Identity: IMAPISyncProgressCallback_Impl, const OFFSET: isize>() -> Self {
        unsafe extern "system-unwind" fn progress<
            Identity: IMAPISyncProgressCallback_Impl,
            const OFFSET: isize,
        >(
            this: *mut c_void,
            text: *const u16,
            index: u32,
            max: u32,
        ) -> HRESULT {
            // SAFETY: as in IMAPISync_Vtbl::new.
            let identity = unsafe { identity::<Identity, OFFSET>(this) };
            // SAFETY: the caller passes NULL or a terminated text, as the page asks.
            unsafe { identity.Progress(text, index, max) }
        }
        unsafe extern "system-unwind" fn error<
            Identity: IMAPISyncProgressCallback_Impl,
            const OFFSET: isize,
        >(
            this: *mut c_void,
            result: HRESULT,
            text: *const u16,
        ) -> HRESULT {
            // SAFETY: as in IMAPISync_Vtbl::new.
            let identity = unsafe { identity::<Identity, OFFSET>(this) };
            // SAFETY: the caller passes NULL or a terminated text, as the page asks.
            unsafe { identity.Error(result, text) }
        }
        unsafe extern "system-unwind" fn done<
            Identity: IMAPISyncProgressCallback_Impl,
            const OFFSET: isize,
        >(
            this: *mut c_void,
            event: *mut c_void,
            result: HRESULT,
        ) -> HRESULT {
            // SAFETY: as in IMAPISync_Vtbl::new.
            let identity = unsafe { identity::<Identity, OFFSET>(this) };
            identity.Done(event, result)
        }
        Self {
            base__: IUnknown_Vtbl::new::<Identity, OFFSET>(),
            Progress: progress::<Identity, OFFSET>,
            Error: error::<Identity, OFFSET>,
            Done: done::<Identity, OFFSET>,
        }
    }

    /// Whether QueryInterface for `iid` is answered with this table.
    pub fn matches(iid: &GUID) -> bool {
        *iid == IMAPISyncProgressCallback::IID
    }
}

/// # Safety
///
/// `this` points to the table pointer that lies `-OFFSET` pointers into a live `Identity`.
unsafe fn identity<'a, Identity, const OFFSET: isize>(this: *mut c_void) -> &'a Identity {
    // SAFETY: the caller's promise: the result stays inside the same object.
    let identity = unsafe { this.cast::<*mut c_void>().offset(OFFSET) };
    // SAFETY: the caller's promise: it is a live Identity, and it is only ever shared.
    unsafe { &*identity.cast::<Identity>() }
}

const POINTER: usize = size_of::<*const c_void>();

const _: () = {
    assert!(size_of::<MAPISIB>() == if POINTER == 8 { 32 } else { 20 });
    assert!(offset_of!(MAPISIB, ulSize) == 0);
    assert!(offset_of!(MAPISIB, ulFlags) == 4);
    assert!(offset_of!(MAPISIB, psesSync) == 8);
    assert!(offset_of!(MAPISIB, punkCallBack) == 8 + POINTER);
    assert!(offset_of!(MAPISIB, phSyncDoneEvent) == 8 + 2 * POINTER);
    assert!(size_of::<IMAPISync_Vtbl>() == 4 * POINTER);
    assert!(offset_of!(IMAPISync_Vtbl, SynchronizeInBackground) == 3 * POINTER);
    assert!(size_of::<IMAPISyncProgressCallback_Vtbl>() == 6 * POINTER);
    assert!(offset_of!(IMAPISyncProgressCallback_Vtbl, Progress) == 3 * POINTER);
    assert!(offset_of!(IMAPISyncProgressCallback_Vtbl, Error) == 4 * POINTER);
    assert!(offset_of!(IMAPISyncProgressCallback_Vtbl, Done) == 5 * POINTER);
    assert!(size_of::<IMAPISync>() == POINTER);
    assert!(size_of::<HRESULT>() == 4);
};

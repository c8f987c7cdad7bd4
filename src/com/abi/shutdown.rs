//! `IMAPIProviderShutdown`.

use std::ffi::c_void;
use std::mem::{offset_of, size_of};

use windows_core::{GUID, HRESULT, IUnknown, IUnknown_Vtbl, IUnknownImpl, Interface, RuntimeName};

use super::{POINTER, identity};
use crate::com::guard;
use crate::{HResult, ShutdownMethod};

/// The provider's side of a fast shutdown. MAPI asks the object that answers `IMSProvider` for it.
#[repr(transparent)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IMAPIProviderShutdown(IUnknown);

/// The method table of [`IMAPIProviderShutdown`], after `IUnknown`'s.
#[repr(C)]
pub struct IMAPIProviderShutdown_Vtbl {
    /// QueryInterface, AddRef, Release.
    pub base__: IUnknown_Vtbl,
    /// `HRESULT QueryFastShutdown()`
    pub QueryFastShutdown: Method,
    /// `HRESULT NotifyProcessShutdown()`
    pub NotifyProcessShutdown: Method,
    /// `HRESULT DoFastShutdown()`
    pub DoFastShutdown: Method,
}

/// A method without arguments.
type Method = unsafe extern "system-unwind" fn(this: *mut c_void) -> HRESULT;

/// What an object that answers [`IMAPIProviderShutdown`] implements. An implementation catches its
/// own panics.
pub trait IMAPIProviderShutdown_Impl: IUnknownImpl {
    /// Whether the client may shut down fast.
    fn QueryFastShutdown(&self) -> HRESULT;

    /// The client is going to shut down fast.
    fn NotifyProcessShutdown(&self) -> HRESULT;

    /// The client exits as soon as this has returned.
    fn DoFastShutdown(&self) -> HRESULT;
}

// SAFETY: a pointer to an IMAPIProviderShutdown points to a pointer to its method table, which
// starts with IUnknown's three and goes on with the three of its page, in that order.
unsafe impl Interface for IMAPIProviderShutdown {
    type Vtable = IMAPIProviderShutdown_Vtbl;
    const IID: GUID = GUID::from_u128(0x00020398_0000_0000_c000_000000000046);
}

// SAFETY: MAPI is free-threaded: a provider's objects may be called on any thread ("Threading in
// MAPI").
unsafe impl Send for IMAPIProviderShutdown {}
// SAFETY: as for Send.
unsafe impl Sync for IMAPIProviderShutdown {}

// Only IInspectable::GetRuntimeClassName would return the name, and there is none.
impl RuntimeName for IMAPIProviderShutdown {}

impl From<IMAPIProviderShutdown> for IUnknown {
    fn from(shutdown: IMAPIProviderShutdown) -> Self {
        shutdown.0
    }
}

impl IMAPIProviderShutdown {
    /// Calls a method. One that is not of this interface answers `MAPI_E_NO_SUPPORT`.
    pub(crate) fn call(&self, method: ShutdownMethod) -> HRESULT {
        let table = Interface::vtable(self);
        let call = match method {
            ShutdownMethod::QueryFastShutdown => table.QueryFastShutdown,
            ShutdownMethod::NotifyProcessShutdown => table.NotifyProcessShutdown,
            ShutdownMethod::DoFastShutdown => table.DoFastShutdown,
            ShutdownMethod::StoreLogoff => return HRESULT(HResult::MAPI_E_NO_SUPPORT.as_i32()),
        };
        // SAFETY: the object is alive while we hold our reference; the methods take no argument
        // ("IMAPIProviderShutdown : IUnknown").
        guard::call_here(method.name(), || unsafe { call(self.as_raw()) })
    }
}

impl IMAPIProviderShutdown_Vtbl {
    /// The table for an object whose [`IMAPIProviderShutdown`] pointer lies `-OFFSET` pointers into
    /// it.
    pub const fn new<Identity: IMAPIProviderShutdown_Impl, const OFFSET: isize>() -> Self {
        unsafe extern "system-unwind" fn query_fast_shutdown<
            Identity: IMAPIProviderShutdown_Impl,
            const OFFSET: isize,
        >(
            this: *mut c_void,
        ) -> HRESULT {
            // SAFETY: the caller holds a reference to the object, which it got from us, so the
            // identity is alive; the offset is the one of the table that the call came
            // through.
            let identity = unsafe { identity::<Identity, OFFSET>(this) };
            identity.QueryFastShutdown()
        }
        unsafe extern "system-unwind" fn notify_process_shutdown<
            Identity: IMAPIProviderShutdown_Impl,
            const OFFSET: isize,
        >(
            this: *mut c_void,
        ) -> HRESULT {
            // SAFETY: as above.
            let identity = unsafe { identity::<Identity, OFFSET>(this) };
            identity.NotifyProcessShutdown()
        }
        unsafe extern "system-unwind" fn do_fast_shutdown<
            Identity: IMAPIProviderShutdown_Impl,
            const OFFSET: isize,
        >(
            this: *mut c_void,
        ) -> HRESULT {
            // SAFETY: as above.
            let identity = unsafe { identity::<Identity, OFFSET>(this) };
            identity.DoFastShutdown()
        }
        Self {
            base__: IUnknown_Vtbl::new::<Identity, OFFSET>(),
            QueryFastShutdown: query_fast_shutdown::<Identity, OFFSET>,
            NotifyProcessShutdown: notify_process_shutdown::<Identity, OFFSET>,
            DoFastShutdown: do_fast_shutdown::<Identity, OFFSET>,
        }
    }

    /// Whether QueryInterface for `iid` is answered with this table.
    pub fn matches(iid: &GUID) -> bool {
        *iid == IMAPIProviderShutdown::IID
    }
}

const _: () = {
    assert!(size_of::<IMAPIProviderShutdown_Vtbl>() == 6 * POINTER);
    assert!(offset_of!(IMAPIProviderShutdown_Vtbl, QueryFastShutdown) == 3 * POINTER);
    assert!(offset_of!(IMAPIProviderShutdown_Vtbl, NotifyProcessShutdown) == 4 * POINTER);
    assert!(offset_of!(IMAPIProviderShutdown_Vtbl, DoFastShutdown) == 5 * POINTER);
    assert!(size_of::<IMAPIProviderShutdown>() == POINTER);
};

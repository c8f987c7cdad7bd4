//! `IMAPISync` as a separate object, with `IMAPIProviderShutdown` beside it where the provider has
//! that.

use windows_core::{HRESULT, implement};

use super::{
    IMAPIProviderShutdown, IMAPIProviderShutdown_Impl, IMAPISync, IMAPISync_Impl, MAPISIB,
};
use crate::ShutdownMethod;
use crate::com::Provider;
use crate::com::thread::LiveObject;

/// The object of [`Provider::into_sync`].
pub(crate) fn provider_object(provider: Provider) -> IMAPISync {
    let _live = LiveObject::new();
    if provider.has_shutdown() {
        ProviderWithShutdown { provider, _live }.into()
    } else {
        ProviderObject { provider, _live }.into()
    }
}

/// A provider that cannot be asked to shut down. Its reference counting and QueryInterface are
/// those of `windows-core`.
#[implement(IMAPISync)]
struct ProviderObject {
    provider: Provider,
    _live: LiveObject,
}

/// A provider that can.
#[implement(IMAPISync, IMAPIProviderShutdown)]
struct ProviderWithShutdown {
    provider: Provider,
    _live: LiveObject,
}

impl IMAPISync_Impl for ProviderObject_Impl {
    unsafe fn SynchronizeInBackground(&self, pmapisib: *mut MAPISIB) -> HRESULT {
        // The worker shares the provider, so it needs no reference to this object.
        // SAFETY: passed on from the host.
        let started = unsafe { self.provider.synchronize_in_background(None, pmapisib) };
        HRESULT(started.as_i32())
    }
}

impl IMAPISync_Impl for ProviderWithShutdown_Impl {
    unsafe fn SynchronizeInBackground(&self, pmapisib: *mut MAPISIB) -> HRESULT {
        // SAFETY: as above.
        let started = unsafe { self.provider.synchronize_in_background(None, pmapisib) };
        HRESULT(started.as_i32())
    }
}

impl IMAPIProviderShutdown_Impl for ProviderWithShutdown_Impl {
    fn QueryFastShutdown(&self) -> HRESULT {
        HRESULT(self.provider.shut_down(ShutdownMethod::QueryFastShutdown).as_i32())
    }

    fn NotifyProcessShutdown(&self) -> HRESULT {
        HRESULT(self.provider.shut_down(ShutdownMethod::NotifyProcessShutdown).as_i32())
    }

    fn DoFastShutdown(&self) -> HRESULT {
        HRESULT(self.provider.shut_down(ShutdownMethod::DoFastShutdown).as_i32())
    }
}

// `#[implement]` makes the object agile, that is, usable on any thread, without asking whether it
// is.
const _: fn() = || {
    fn assert_agile<T: Send + Sync + 'static>() {}
    assert_agile::<Provider>();
    assert_agile::<LiveObject>();
};

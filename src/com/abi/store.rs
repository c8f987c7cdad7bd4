//! `IMAPISync` as a separate object.

use windows_core::{HRESULT, implement};

use super::{IMAPISync, IMAPISync_Impl, MAPISIB};
use crate::com::Provider;
use crate::com::thread::LiveObject;

/// The object of [`Provider::into_sync`]. Its reference counting and QueryInterface are those of
/// `windows-core`.
#[implement(IMAPISync)]
pub(crate) struct ProviderObject {
    provider: Provider,
    _live: LiveObject,
}

impl ProviderObject {
    pub(crate) fn new(provider: Provider) -> Self {
        Self { provider, _live: LiveObject::new() }
    }
}

impl IMAPISync_Impl for ProviderObject_Impl {
    unsafe fn SynchronizeInBackground(&self, pmapisib: *mut MAPISIB) -> HRESULT {
        // The worker shares the provider, so it needs no reference to this object.
        // SAFETY: passed on from the host.
        let started = unsafe { self.provider.synchronize_in_background(None, pmapisib) };
        HRESULT(started.as_i32())
    }
}

// `#[implement]` makes the object agile, that is, usable on any thread, without asking whether it
// is.
const _: fn() = || {
    fn assert_agile<T: Send + Sync + 'static>() {}
    assert_agile::<Provider>();
    assert_agile::<LiveObject>();
};

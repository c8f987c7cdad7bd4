//! A [`MapiSync`] as a COM object that a host can start syncs on.

use std::sync::Arc;

use windows_core::IUnknown;

use super::abi::{Block, FreeThreaded, IMAPISync, MAPISIB, ProviderObject};
use super::outbound::Outbound;
use super::session::ComSession;
use super::worker::{self, Core, EnterThread, Order};
use super::{SyncAggregate, guard};
use crate::{HResult, MapiSession, MapiSync, SyncFlags};

/// A store provider that answers `IMAPISync`, in one of three ways: as a separate object
/// ([`into_sync`](Self::into_sync)), as a part of your store object ([`SyncAggregate`]), or called
/// from your implementation of the method
/// ([`synchronize_in_background`](Self::synchronize_in_background)).
///
/// Each sync runs on a dedicated thread, in the multithreaded apartment, with its own tokio
/// runtime. Whatever the provider does (panic, drop its session, forget its event), a sync whose
/// start succeeded ends with a Done, all references are given back, and the event is signalled. No
/// panic leaves a method, not even one of the provider's `Drop`.
#[derive(Clone)]
pub struct Provider {
    core: Arc<Core>,
}

impl Provider {
    /// A provider over `provider`.
    #[must_use]
    pub fn new(provider: impl MapiSync + 'static) -> Self {
        Self::from_arc(Arc::new(provider))
    }

    /// A provider over a shared `provider`.
    #[must_use]
    pub fn from_arc(provider: Arc<dyn MapiSync>) -> Self {
        Self { core: Arc::new(Core::new(provider, None)) }
    }

    /// The same provider, with a guard that each of its worker threads holds: `enter` makes it when
    /// the thread begins, and it is dropped before the thread ends. Call `MAPIInitialize` and
    /// `MAPIUninitialize` there, as every thread that uses MAPI objects must.
    #[must_use]
    pub fn with_thread_guard<G: 'static>(
        self,
        enter: impl Fn() -> G + Send + Sync + 'static,
    ) -> Self {
        let provider = Arc::clone(self.core.provider());
        let enter_thread: Arc<EnterThread> = Arc::new(move || Box::new(enter()));
        Self { core: Arc::new(Core::new(provider, Some(enter_thread))) }
    }

    /// A separate COM object with one reference. It answers `IMAPISync` and `IUnknown`.
    #[must_use]
    pub fn into_sync(self) -> IMAPISync {
        ProviderObject::new(self).into()
    }

    /// A part of the store object `outer`, which answers QueryInterface for it; see
    /// [`SyncAggregate`].
    ///
    /// The part takes no reference to `outer`: it belongs to `outer` and must be dropped with it.
    #[must_use]
    pub fn into_aggregate(self, outer: &IUnknown) -> SyncAggregate {
        SyncAggregate::new(self, outer)
    }

    /// `IMAPISync::SynchronizeInBackground`, for an `IMAPISync` that is implemented elsewhere. The
    /// sync holds `store` as long as it runs.
    ///
    /// # Errors
    ///
    /// After any failing code no call comes and the out-pointer holds no event. The codes are
    /// [`HResult::E_INVALIDARG`] for a MAPISIB that is NULL or too small or lacks callback or
    /// out-pointer, the failure of the callback's QueryInterface, [`HResult::E_OUTOFMEMORY`] when
    /// the system has no thread, [`HResult::E_UNEXPECTED`] after a panic, and the failures of the
    /// provider's own start.
    ///
    /// # Safety
    ///
    /// `pmapisib` is NULL or valid for reads of its own `ulSize` bytes, and its members are what
    /// the MAPISIB page says.
    #[expect(
        unsafe_code,
        reason = "the pointer is a host's, and only its caller can answer for it"
    )]
    pub unsafe fn synchronize_in_background(
        &self,
        store: Option<&IUnknown>,
        pmapisib: *const MAPISIB,
    ) -> HResult {
        // SAFETY: passed on from the caller; the pointer in the block is closed before this
        // returns.
        let block = unsafe { Block::read(pmapisib) };
        let started = guard::contain(|| self.start(store, block).unwrap_or_else(|code| code));
        started.unwrap_or(HResult::E_UNEXPECTED)
    }

    fn start(
        &self,
        store: Option<&IUnknown>,
        block: Option<Block<'_>>,
    ) -> Result<HResult, HResult> {
        let Block { flags, session, callback, out } = block.ok_or(HResult::E_INVALIDARG)?;
        let out = out.ok_or(HResult::E_INVALIDARG)?;
        let callback = callback.ok_or(HResult::E_INVALIDARG)?;
        let callback = Outbound::query(&callback)?;
        Ok(worker::run(Order {
            core: Arc::clone(&self.core),
            store: store.cloned().map(FreeThreaded),
            flags: SyncFlags::from_bits_retain(flags),
            session: session.map(|session| MapiSession::new(ComSession::new(session.to_owned()))),
            callback,
            out,
        }))
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Provider")
    }
}

//! A [`MapiSync`] as a COM object that a host can start syncs on.

use std::sync::Arc;
use std::time::Duration;

use windows_core::IUnknown;

use super::SyncAggregate;
use super::abi::{Block, Borrowed, IMAPISync, MAPISIB, provider_object};
use super::block::block_on;
use super::entry::ThreadEntry;
use super::guard::{PARKED_MOST, parked_threads};
use super::incident::{Incident, Incidents};
use super::worker::{self, Core, Order, Settings};
use crate::{HResult, MapiSync, ShutdownMethod, SyncFlags};

/// A store provider that answers `IMAPISync`, in one of three ways: as a separate object
/// ([`into_sync`](Self::into_sync)), as a part of your store object ([`SyncAggregate`]), or called
/// from your implementation of the method
/// ([`synchronize_in_background`](Self::synchronize_in_background)).
///
/// Each sync runs on a dedicated thread, in the multithreaded apartment, with its own tokio
/// runtime. No panic leaves a method, not even one of the provider's `Drop`.
///
/// # How a sync ends
///
/// A sync whose start succeeded ends with one Done, then gives all references back, then signals
/// its event, whatever the provider does. Where the provider does not see to it, the adapter does,
/// with [`HResult::E_UNEXPECTED`] as the status of a missing Done:
///
/// | the provider | the sync ends |
/// |---|---|
/// | has called Done, and no task is left | at once |
/// | has called Done, and tasks still run | after the [grace](Self::with_grace) |
/// | owes a Done, and has neither the request nor a reference to the callback | at once |
/// | owes a Done, and a task has panicked | once the host was not called for the grace |
/// | owes a Done and still could send it, but no task is left: a thread of its own has the session, or it was leaked | once the host was not called for the [silence](Self::with_silence) |
/// | owes a Done and has tasks | when one of the above holds |
///
/// Tasks that are left then are dropped, and closures of `spawn_blocking` run on without the sync.
/// [`with_incidents`](Self::with_incidents) names what was dropped. Tasks are those that were
/// spawned on the request's runtime.
///
/// Nothing can end a sync while a poll, a drop or a start of the provider's, or a method of the
/// host's, does not return. And a task that awaits for ever keeps its sync alive while it could
/// still send Done.
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
        Self { core: Arc::new(Core::new(provider, Settings::default())) }
    }

    fn with_settings(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.core.settings().clone();
        change(&mut settings);
        Self { core: Arc::new(Core::new(Arc::clone(self.core.provider()), settings)) }
    }

    /// The same provider, whose threads enter MAPI this way before they use a host's object, and
    /// leave after the last use: that covers the calls that the adapter makes by itself too, a Done
    /// that is owed and the last Release among them. A start whose thread cannot enter fails.
    ///
    /// Threads of the provider's own enter by themselves, with a clone of `entry`. A thread that an
    /// exception has [parked](super::parked_threads) never leaves.
    #[must_use]
    pub fn with_thread_entry(self, entry: ThreadEntry) -> Self {
        self.with_settings(|settings| settings.entry = Some(entry))
    }

    /// [`with_thread_entry`](Self::with_thread_entry) with
    /// [`ThreadEntry::new(enter)`](ThreadEntry::new).
    #[must_use]
    pub fn with_thread_guard<G: 'static>(
        self,
        enter: impl Fn() -> G + Send + Sync + 'static,
    ) -> Self {
        self.with_thread_entry(ThreadEntry::new(enter))
    }

    /// The same provider, which reports [`Incident`]s to this callback, panics of the provider's
    /// code among them. Outlook has no standard error stream: write them to a log.
    ///
    /// The callback runs on the thread where the incident is noticed, mostly that of the sync, and
    /// should return soon. To learn the places of panics, this puts a panic hook before the one of
    /// the process, and calls that too.
    #[must_use]
    pub fn with_incidents(self, callback: impl Fn(&Incident) + Send + Sync + 'static) -> Self {
        let incidents = Incidents::new(callback);
        self.with_settings(|settings| settings.incidents = incidents)
    }

    /// The same provider with this grace: how long tasks may go on once Done has returned, and how
    /// long a sync that owes a Done goes on after one of its tasks has panicked and since the last
    /// call of the host. 5 seconds by default.
    #[must_use]
    pub fn with_grace(self, grace: Duration) -> Self {
        self.with_settings(|settings| settings.grace = grace)
    }

    /// The same provider with this silence: how long a sync that owes a Done, but has no task left,
    /// waits since the last call of the host for a thread of the provider's. 5 minutes by default.
    #[must_use]
    pub fn with_silence(self, silence: Duration) -> Self {
        self.with_settings(|settings| settings.silence = silence)
    }

    /// The same provider with this name for the threads of its syncs, as debuggers and reports show
    /// it. By default it is `mapi-sync worker`. NUL bytes are left out.
    #[must_use]
    pub fn with_thread_name(self, name: &str) -> Self {
        let name = name.replace('\0', "").into();
        self.with_settings(|settings| settings.thread.name = name)
    }

    /// The same provider with this stack, in bytes, for each thread of a sync. By default it is the
    /// system's: on Windows that of the program, 1 MiB mostly; elsewhere 2 MiB.
    #[must_use]
    pub fn with_stack_size(self, bytes: usize) -> Self {
        self.with_settings(|settings| settings.thread.stack_size = Some(bytes))
    }

    /// A separate COM object with one reference. It answers `IMAPISync` and `IUnknown`, and
    /// `IMAPIProviderShutdown` where the provider [has it](MapiSync::shutdown).
    #[must_use]
    pub fn into_sync(self) -> IMAPISync {
        provider_object(self)
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
    /// the system has no thread or too many are [parked](super::parked_threads),
    /// [`HResult::E_UNEXPECTED`] after a panic, after an exception out of the host, and when the
    /// thread of the sync does not begin to run within 5 seconds, as under the loader lock, and the
    /// failures of the [entry](Self::with_thread_entry) and of the provider's own start.
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
        let start = || self.start(store, block).unwrap_or_else(|code| code);
        let started = self.core.settings().incidents.contain(start);
        started.unwrap_or(HResult::E_UNEXPECTED)
    }

    /// Whether the provider has [methods of shutdown](MapiSync::shutdown), and so answers
    /// `IMAPIProviderShutdown`.
    #[must_use]
    pub fn has_shutdown(&self) -> bool {
        let incidents = &self.core.settings().incidents;
        incidents.contain(|| self.core.provider().shutdown().is_some()).unwrap_or(false)
    }

    /// Calls a method of shutdown, for an `IMAPIProviderShutdown` or an `IMsgStore` that is
    /// implemented elsewhere, and returns its answer. [`HResult::MAPI_E_NO_SUPPORT`] if the
    /// provider [has none](MapiSync::shutdown), and [`HResult::E_UNEXPECTED`] after a panic.
    ///
    /// It runs on this thread, where tokio's timers work, and ends when the method does: the syncs
    /// have threads of their own, and go on meanwhile. Do not call it inside of a callback that one
    /// of them waits for.
    pub fn shut_down(&self, method: ShutdownMethod) -> HResult {
        let answer = self.core.settings().incidents.contain(|| {
            let provider = self.core.provider().shutdown()?;
            let call = method.call(provider);
            let is_inside = tokio::runtime::Handle::try_current().is_ok();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            Some(match runtime {
                Ok(runtime) if !is_inside => runtime.block_on(call),
                _ => block_on(call),
            })
        });
        match answer {
            Some(Some(answer)) => answer,
            Some(None) => HResult::MAPI_E_NO_SUPPORT,
            None => HResult::E_UNEXPECTED,
        }
    }

    fn start(&self, store: Option<&IUnknown>, block: Option<Block>) -> Result<HResult, HResult> {
        let Block { flags, session, callback, out } = block.ok_or(HResult::E_INVALIDARG)?;
        let out = out.ok_or(HResult::E_INVALIDARG)?;
        let callback = callback.ok_or(HResult::E_INVALIDARG)?;
        if parked_threads() >= PARKED_MOST {
            return Err(HResult::E_OUTOFMEMORY);
        }
        let order = Order {
            core: Arc::clone(&self.core),
            store: store.map(Borrowed::of),
            flags: SyncFlags::from_bits_retain(flags),
            session,
            callback,
        };
        Ok(worker::run(order, out))
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Provider")
    }
}

//! A foreign `IMAPISync`, in C++ or in another DLL, as a [`MapiSync`], so that the code that drives
//! and checks providers here works with it too.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use async_trait::async_trait;
use windows_core::{IUnknown, Interface};

use super::abi::{Borrowed, Held, IMAPIProviderShutdown, IMAPISync, OutSlot};
use super::entry::{self, ThreadEntry};
use super::guard::Rescue;
use super::{ComSession, Inbound, guard, thread};
use crate::lock::lock;
use crate::shutdown::impl_provider_shutdown;
use crate::{EventOut, HResult, MapiSync, ProviderShutdown, ShutdownMethod, SyncRequest};

/// A foreign store object's `IMAPISync`.
///
/// Every start is made on a new thread, so a start that blocks, or calls back before it returns,
/// does not hold up the runtime that awaits it. The request's runtime must use
/// [`events`](super::events), because those handles cross the method table.
///
/// Each thread that calls the provider enters MAPI first, if there is a [`ThreadEntry`]. The
/// references are given back on such a thread too, when the last clone is dropped, and the drop
/// waits for that. An exception out of any method parks the thread that called it; see
/// [`parked_threads`](super::parked_threads).
///
/// The callback objects of the last few syncs are kept alive whatever the provider does with its
/// references. A call after the last Release, or a Release too many, is then observed instead of
/// crashing the process.
#[derive(Clone)]
pub struct ForeignSync {
    store: Arc<Store>,
    kept: Arc<Mutex<VecDeque<Inbound>>>,
    longer_block: bool,
}

/// How many callback objects are kept alive.
const KEPT: usize = 16;

/// The references to a foreign store object.
struct Store {
    /// `None` only during the drop.
    sync: Option<IMAPISync>,
    shutdown: Option<IMAPIProviderShutdown>,
    entry: Option<ThreadEntry>,
}

impl Drop for Store {
    fn drop(&mut self) {
        let sync = self.sync.take().map(IUnknown::from);
        let shutdown = self.shutdown.take().map(IUnknown::from);
        for held in sync.into_iter().chain(shutdown).map(Held::new) {
            // An exception has parked a thread, and the reference counts as given back. Where the
            // system has no thread, this one is used.
            let _ = thread::elsewhere(self.entry.as_ref(), move || drop(held));
        }
    }
}

impl ForeignSync {
    /// Asks a store object for its `IMAPISync`, and for `IMAPIProviderShutdown`, which it may have
    /// beside it.
    ///
    /// # Errors
    ///
    /// The failure of QueryInterface; [`HResult::E_NOINTERFACE`] also if it answered success and
    /// left NULL, and [`HResult::E_UNEXPECTED`] if it threw.
    pub fn query(store: &IUnknown) -> Result<Self, HResult> {
        Self::query_with(store, None)
    }

    /// As [`query`](Self::query), with threads that enter as `entry` says.
    ///
    /// # Errors
    ///
    /// As [`query`](Self::query); the failure of the entry too.
    pub fn query_entered(store: &IUnknown, entry: ThreadEntry) -> Result<Self, HResult> {
        Self::query_with(store, Some(entry))
    }

    fn query_with(store: &IUnknown, entry: Option<ThreadEntry>) -> Result<Self, HResult> {
        let store = Borrowed::of(store);
        // This thread waits, so the reference of its caller lasts.
        let (sync, shutdown) =
            thread::elsewhere(entry.as_ref(), move || (store.query(), store.query().ok()))?;
        // Owned at once: a failure gives the other reference back as any drop does.
        let mut store = Store { sync: None, shutdown, entry };
        store.sync = Some(sync?);
        Ok(Self { store: Arc::new(store), kept: Arc::default(), longer_block: false })
    }

    /// The same store, with `MAPISIB::ulSize` larger than the block of today or not: a provider
    /// must take a later version of the block, which starts with the same members.
    #[must_use]
    pub fn with_longer_block(self, longer: bool) -> Self {
        Self { longer_block: longer, ..self }
    }

    /// Starts a sync on this thread, as a host does inside of a callback. The request's runtime is
    /// not used.
    ///
    /// An exception out of the start parks this thread: it never returns then. The thread enters
    /// nothing.
    pub fn synchronize_here(&self, request: &SyncRequest) -> HResult {
        self.start(request)
    }

    /// Whether the interface belongs to the object that `store` does: QueryInterface for IUnknown
    /// gives the same pointer on both ("Rules for Implementing QueryInterface").
    ///
    /// # Errors
    ///
    /// The failure of one of the two.
    pub fn is_object_of(&self, store: &IUnknown) -> Result<bool, HResult> {
        let (foreign, store) = (self.clone(), Borrowed::of(store));
        // This thread waits, so the reference of its caller lasts.
        thread::elsewhere(self.store.entry.as_ref(), move || {
            let identity = |borrowed: Borrowed| borrowed.query::<IUnknown>().map(Held::new);
            let sync = IUnknown::from(foreign.as_sync().clone());
            let (own, its) = (identity(Borrowed::of(&sync))?, identity(store)?);
            Ok(own.unknown().as_raw() == its.unknown().as_raw())
        })?
    }

    /// The foreign interface.
    #[must_use]
    pub fn as_sync(&self) -> &IMAPISync {
        self.store.sync.as_ref().expect("here until the drop")
    }
}

impl fmt::Debug for ForeignSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ForeignSync").field(&self.as_sync().as_raw()).finish()
    }
}

#[async_trait]
impl MapiSync for ForeignSync {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        self.on_thread(move |foreign| foreign.start(&request)).await
    }

    fn shutdown(&self) -> Option<&dyn ProviderShutdown> {
        self.store.shutdown.as_ref().map(|_| self as &dyn ProviderShutdown)
    }
}

// Each call is made on a new thread, as a start is. StoreLogoff is a method of `IMsgStore`, which
// is not asked for.
impl_provider_shutdown!(ForeignSync);

impl ForeignSync {
    async fn shut_down(&self, method: ShutdownMethod) -> HResult {
        self.on_thread(move |foreign| {
            let shutdown = foreign.store.shutdown.as_ref();
            shutdown.map_or(HResult::MAPI_E_NO_SUPPORT, |shutdown| {
                HResult::from_i32(shutdown.call(method).0)
            })
        })
        .await
    }

    /// Makes a call on a new thread that enters first. If an exception leaves a foreign method
    /// there, the answer is `E_UNEXPECTED`.
    async fn on_thread(&self, call: impl FnOnce(&Self) -> HResult + Send + 'static) -> HResult {
        let answer = Arc::new(Answer::default());
        let made = Arc::clone(&answer);
        let foreign = self.clone();
        let spawned = thread::spawn(&thread::call_form(), move || {
            let rescued = guard::rescued_by(made.clone());
            let result = match entry::enter(foreign.store.entry.as_ref()) {
                // A panic of the host's own code must not leave whoever awaits this without an
                // answer.
                Ok(()) => guard::contain(|| call(&foreign)).unwrap_or(HResult::E_UNEXPECTED),
                Err(code) => code,
            };
            drop(foreign);
            entry::leave();
            drop(rescued);
            made.set(result);
        });
        match spawned {
            Ok(()) => answer.get().await,
            Err(code) => code,
        }
    }

    /// Calls SynchronizeInBackground, on a thread of its own.
    fn start(&self, request: &SyncRequest) -> HResult {
        let slot = Arc::new(Slot {
            value: OutSlot::default(),
            out: Mutex::new(Some(Arc::clone(request.event_out()))),
        });
        let callback = request.callback_unknown().map(|unknown| {
            let slot = Arc::clone(&slot);
            Inbound::direct(Arc::clone(unknown)).with_before_call(move || slot.look())
        });
        if let Some(callback) = &callback {
            let mut kept = lock(&self.kept);
            kept.push_back(callback.clone());
            let oldest = if kept.len() > KEPT { kept.pop_front() } else { None };
            // Dropped without the lock: its drop may run the host's code.
            drop(kept);
            drop(oldest);
        }
        let session = request.session().and_then(|session| session.downcast_ref::<ComSession>());
        let answer = self.as_sync().call_start(
            request.flags().bits(),
            session.and_then(ComSession::unknown),
            callback.as_ref().map(Inbound::to_ref),
            &slot.value,
            self.longer_block,
        );
        slot.close();
        HResult::from_i32(answer.0)
    }
}

/// The target of the out-pointer, and the place to forward its content to while the start runs.
struct Slot {
    value: OutSlot,
    out: Mutex<Option<Arc<dyn EventOut>>>,
}

impl Slot {
    /// Forwards what the provider wrote. Called before each callback too, as callbacks may come
    /// before the start returns.
    fn look(&self) {
        // The lock is held during the publication, so that the end of the start cannot overtake it.
        if let Some(out) = &*lock(&self.out) {
            self.pass_on(&**out);
        }
    }

    /// The start has returned: forwards the last content, and none after it.
    fn close(&self) {
        if let Some(out) = lock(&self.out).take() {
            self.pass_on(&*out);
        }
    }

    fn pass_on(&self, out: &dyn EventOut) {
        let event = self.value.event();
        if event != out.published() {
            // A host that gave no place for it does not need it.
            let _ = out.publish(event);
        }
    }
}

/// The answer of a call, on its way from the thread that makes it to the task that awaits it.
#[derive(Default)]
struct Answer {
    state: Mutex<(Option<HResult>, Option<Waker>)>,
}

impl Answer {
    fn set(&self, result: HResult) {
        let waker = {
            let mut state = lock(&self.state);
            state.0 = Some(result);
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn get(&self) -> HResult {
        std::future::poll_fn(|cx| {
            let mut state = lock(&self.state);
            if let Some(result) = state.0 {
                return Poll::Ready(result);
            }
            state.1 = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl Rescue for Answer {
    fn rescue(&self, _method: &'static str) {
        self.set(HResult::E_UNEXPECTED);
    }

    fn changed(&self) {}
}

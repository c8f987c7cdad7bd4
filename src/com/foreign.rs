//! A foreign `IMAPISync`, in C++ or in another DLL, as a [`MapiSync`], so that the code that drives
//! and checks providers here works with it too.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use async_trait::async_trait;
use windows_core::{IUnknown, Interface};

use super::abi::{IMAPISync, OutSlot, query};
use super::{ComSession, Inbound, guard, thread};
use crate::lock::lock;
use crate::{EventOut, HResult, MapiSync, SyncRequest};

/// A foreign store object's `IMAPISync`.
///
/// Every start is made on a new thread, so a start that blocks, or calls back before it returns,
/// does not hold up the runtime that awaits it. The request's runtime must use
/// [`events`](super::events), because those handles cross the method table.
///
/// The callback objects of the last few syncs are kept alive whatever the provider does with its
/// references. A call after the last Release, or a Release too many, is then observed instead of
/// crashing the process.
#[derive(Clone)]
pub struct ForeignSync {
    sync: IMAPISync,
    kept: Arc<Mutex<VecDeque<Inbound>>>,
}

/// How many callback objects are kept alive.
const KEPT: usize = 16;

impl ForeignSync {
    /// Asks a store object for its `IMAPISync`.
    ///
    /// # Errors
    ///
    /// The failure of QueryInterface; [`HResult::E_NOINTERFACE`] also if it answered success and
    /// left NULL.
    pub fn query(store: &IUnknown) -> Result<Self, HResult> {
        Ok(Self { sync: query(store)?, kept: Arc::default() })
    }

    /// The foreign interface.
    #[must_use]
    pub fn as_sync(&self) -> &IMAPISync {
        &self.sync
    }
}

impl fmt::Debug for ForeignSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ForeignSync").field(&self.sync.as_raw()).finish()
    }
}

#[async_trait]
impl MapiSync for ForeignSync {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let start = Arc::new(Start::default());
        let made = Arc::clone(&start);
        let foreign = self.clone();
        let spawned = thread::spawn(move || foreign.call(&request, &made));
        if let Err(code) = spawned {
            return code;
        }
        start.answered().await
    }
}

impl ForeignSync {
    /// Makes the call, on its own thread.
    fn call(&self, request: &SyncRequest, start: &Arc<Start>) {
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
        let answer = guard::call(
            || {
                self.sync.call_start(
                    request.flags().bits(),
                    session.map(ComSession::unknown),
                    callback.as_ref().map(Inbound::to_ref),
                    &slot.value,
                )
            },
            || start.answer(HResult::E_UNEXPECTED),
        );
        slot.close();
        start.answer(HResult::from_i32(answer.0));
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

/// The answer of a start, on its way from the thread that makes it to the task that awaits it.
#[derive(Default)]
struct Start {
    state: Mutex<(Option<HResult>, Option<Waker>)>,
}

impl Start {
    fn answer(&self, result: HResult) {
        let waker = {
            let mut state = lock(&self.state);
            state.0 = Some(result);
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn answered(&self) -> HResult {
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

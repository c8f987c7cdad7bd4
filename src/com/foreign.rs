//! A foreign `IMAPISync`, in C++ or in another DLL, as a [`MapiSync`]: so that whatever drives and
//! checks providers here drives and checks that one too.

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
/// Every start is made on a thread of its own, so one that blocks, or calls back before it returns,
/// does not hold up the runtime it is awaited on. The request's runtime must use
/// [`events`](super::events): those are the handles that cross.
///
/// The callback objects of the last few syncs are kept alive, whatever the provider does with its
/// references: one that calls after its last Release, or releases too often, is found out and not a
/// crash.
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
    /// What QueryInterface answered; [`HResult::E_NOINTERFACE`] also where it answered success and
    /// left NULL.
    pub fn query(store: &IUnknown) -> Result<Self, HResult> {
        Ok(Self { sync: query(store)?, kept: Arc::default() })
    }

    /// The interface that is called.
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
    /// Makes the call, on the thread that is there for it.
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
            // Its drop may run the host's own.
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

/// The out-pointer's target, and where its content is passed on to while the start runs.
struct Slot {
    value: OutSlot,
    out: Mutex<Option<Arc<dyn EventOut>>>,
}

impl Slot {
    /// Passes on what the provider wrote. Looked at before each callback too, as those may come
    /// before the start returns.
    fn look(&self) {
        // The lock is held over the publication, so that it is not overtaken by the end of the
        // start.
        if let Some(out) = &*lock(&self.out) {
            self.pass_on(&**out);
        }
    }

    /// The start has returned: nothing is written from here on.
    fn close(&self) {
        if let Some(out) = lock(&self.out).take() {
            self.pass_on(&*out);
        }
    }

    fn pass_on(&self, out: &dyn EventOut) {
        let event = self.value.event();
        if event != out.published() {
            // A host that gave no place for it does not want to know.
            let _ = out.publish(event);
        }
    }
}

/// The answer of a start, from the thread that makes it to the task that waits for it.
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

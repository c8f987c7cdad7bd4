//! The host, as the provider's request has it, and the start that the request goes to.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use super::state::WorkerState;
use crate::{CallbackRef, CallbackUnknown, EventOut, HResult, RawEvent};

/// The host's object, as the provider's request has it. As long as that exists, the provider can
/// ask for the callback.
pub(super) struct HostUnknown(pub(super) Arc<WorkerState>);

impl CallbackUnknown for HostUnknown {
    fn query_interface(&self) -> Result<CallbackRef, HResult> {
        Ok(CallbackRef::new(Arc::clone(&self.0.callback) as _))
    }
}

impl Drop for HostUnknown {
    fn drop(&mut self) {
        self.0.can_query.store(false, Ordering::Release);
        self.0.wake();
    }
}

/// The out-pointer, as the provider sees it.
pub(super) struct Out(pub(super) Arc<WorkerState>);

impl EventOut for Out {
    fn publish(&self, event: RawEvent) -> HResult {
        self.0.publish(event)
    }

    fn published(&self) -> RawEvent {
        self.0.published()
    }
}

/// A start of the provider's that returns `None` if it panics.
pub(super) struct Contained<'a, F> {
    pub(super) future: F,
    pub(super) shared: &'a WorkerState,
}

impl<F: Future + Unpin> Future for Contained<'_, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let shared = self.shared;
        match shared.settings.incidents.contain(|| Pin::new(&mut self.future).poll(cx)) {
            Some(poll) => poll.map(Some),
            None => Poll::Ready(None),
        }
    }
}

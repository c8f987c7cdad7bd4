//! A request to stop, from the user or from the host.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::Shared;
use crate::lock::lock;

/// Asks a sync to stop. A clone is the same signal.
///
/// The reference documents no way for the host to cancel. This crate knows two: the host answers a
/// Progress or an Error with [`MAPI_W_CANCEL_MESSAGE`](crate::HResult::MAPI_W_CANCEL_MESSAGE), a
/// success-class code as elsewhere in MAPI ("IMAPISupport::SpoolerYield"), or somebody calls
/// [`CancelSignal::request`], for example a provider's own window or a host that shuts down.
#[derive(Clone)]
pub struct CancelSignal {
    inner: Arc<Inner>,
}

struct Inner {
    requested: AtomicBool,
    waiting: Mutex<Waiting>,
    shared: Arc<dyn Shared>,
}

#[derive(Default)]
struct Waiting {
    last: u64,
    wakers: Vec<(u64, Waker)>,
    observers: Vec<Box<dyn FnOnce() + Send>>,
}

impl Default for CancelSignal {
    fn default() -> Self {
        Self::shared_as(Arc::new(()))
    }
}

impl CancelSignal {
    /// A signal that is not requested yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A signal that reports its uses to `shared`.
    pub(crate) fn shared_as(shared: Arc<dyn Shared>) -> Self {
        let (requested, waiting) = (AtomicBool::new(false), Mutex::default());
        Self { inner: Arc::new(Inner { requested, waiting, shared }) }
    }

    /// Asks the sync to stop. Only the first call has an effect.
    pub fn request(&self) {
        if self.inner.requested.swap(true, Ordering::AcqRel) {
            self.inner.shared.read();
            return;
        }
        self.inner.shared.write();
        let mut waiting = lock(&self.inner.waiting);
        let wakers = std::mem::take(&mut waiting.wakers);
        let observers = std::mem::take(&mut waiting.observers);
        drop(waiting);
        for observer in observers {
            observer();
        }
        wakers.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Whether the sync was asked to stop.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.inner.shared.read();
        self.inner.requested.load(Ordering::Acquire)
    }

    /// Waits until the sync is asked to stop.
    pub async fn requested(&self) {
        Requested { inner: &self.inner, ticket: None }.await;
    }

    /// Runs `observer` inside the first request, or now if there was one.
    pub(crate) fn on_request(&self, observer: impl FnOnce() + Send + 'static) {
        {
            let mut waiting = lock(&self.inner.waiting);
            if !self.is_requested() {
                waiting.observers.push(Box::new(observer));
                return;
            }
        }
        observer();
    }
}

/// A wait for the request. Its drop removes its waker.
struct Requested<'a> {
    inner: &'a Inner,
    ticket: Option<u64>,
}

impl Future for Requested<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.inner.shared.read();
        let mut waiting = lock(&this.inner.waiting);
        // Checked under the lock: a request takes the list of wakers after that.
        if this.inner.requested.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        match waiting.wakers.iter_mut().find(|(ticket, _)| Some(*ticket) == this.ticket) {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => {
                waiting.last += 1;
                let ticket = waiting.last;
                waiting.wakers.push((ticket, cx.waker().clone()));
                this.ticket = Some(ticket);
            }
        }
        drop(waiting);
        this.inner.shared.waits();
        Poll::Pending
    }
}

impl Drop for Requested<'_> {
    fn drop(&mut self) {
        if self.ticket.is_some() {
            self.inner.shared.read();
            let mut waiting = lock(&self.inner.waiting);
            let place = waiting.wakers.iter().position(|(ticket, _)| Some(*ticket) == self.ticket);
            let gone = place.map(|place| waiting.wakers.swap_remove(place));
            drop(waiting);
            drop(gone);
        }
    }
}

impl fmt::Debug for CancelSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelSignal").field("requested", &self.is_requested()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_wakes_all_waiters_and_completes_later_waits_at_once() {
        let signal = CancelSignal::new();
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let signal = signal.clone();
                tokio::spawn(async move { signal.requested().await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(!signal.is_requested());
        signal.request();
        for waiter in waiters {
            waiter.await.unwrap();
        }
        signal.requested().await;
    }

    #[test]
    fn observers_run_once() {
        let signal = CancelSignal::new();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = |name: &'static str| {
            let seen = Arc::clone(&seen);
            move || lock(&seen).push(name)
        };
        signal.on_request(note("early"));
        signal.request();
        signal.request();
        signal.on_request(note("late"));
        assert_eq!(*lock(&seen), ["early", "late"]);
    }
}

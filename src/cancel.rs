//! A request to stop, from the user or from the host.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use crate::event::lock;

/// Asks a sync to stop. Cloning gives another end of the same signal.
///
/// The interface documents no way for the host to cancel. Two ways lead here: a Progress or Error that answers
/// [`MAPI_W_CANCEL_MESSAGE`](crate::HResult::MAPI_W_CANCEL_MESSAGE), a success-class code as elsewhere in MAPI
/// ("IMAPISupport::SpoolerYield"), and [`CancelSignal::request`], for a provider's own window or a host's shutdown.
#[derive(Clone, Default)]
pub struct CancelSignal {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    requested: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    wakers: Vec<Waker>,
    observers: Vec<Box<dyn FnOnce() + Send>>,
}

impl CancelSignal {
    /// A signal that nobody has given yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the sync to stop. The first call counts; the others do nothing.
    pub fn request(&self) {
        if self.inner.requested.swap(true, Ordering::AcqRel) {
            return;
        }
        let Waiting { wakers, observers } = std::mem::take(&mut *lock(&self.inner.waiting));
        for observer in observers {
            observer();
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Whether the sync was asked to stop.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.inner.requested.load(Ordering::Acquire)
    }

    /// Waits until the sync is asked to stop.
    pub async fn requested(&self) {
        std::future::poll_fn(|cx| {
            if self.is_requested() {
                return Poll::Ready(());
            }
            let mut waiting = lock(&self.inner.waiting);
            // Again under the lock: a request in between has already taken the list.
            if self.is_requested() {
                return Poll::Ready(());
            }
            if !waiting.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                waiting.wakers.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// Runs `observer` inside the first request, or now if that has been.
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

impl fmt::Debug for CancelSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelSignal").field("requested", &self.is_requested()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_wakes_everyone_who_waits_and_is_seen_by_those_who_come_late() {
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

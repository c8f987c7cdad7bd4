//! Waking one waiter, or all.

use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use mapi_sync_engine::sync::Operation;
use mapi_sync_engine::{Mode, Object};
use pin_project_lite::pin_project;
use real::sync as tokio;

use super::tracked::Use;

const NOTIFIED: Use = Use::queue("a notification of");

/// `tokio::sync::Notify`.
#[derive(Debug)]
pub struct Notify {
    object: Object,
    real: tokio::Notify,
}

impl Notify {
    /// A notifier.
    #[must_use]
    pub fn new() -> Self {
        Self { object: Object::new("Notify"), real: tokio::Notify::new() }
    }

    /// The same for a `static`.
    #[must_use]
    pub const fn const_new() -> Self {
        Self { object: Object::of_static("Notify"), real: tokio::Notify::const_new() }
    }

    /// Waits to be notified.
    pub fn notified(&self) -> Notified<'_> {
        // From now on it gets what `notify_waiters` sends.
        self.object.read();
        Notified { real: self.real.notified(), operation: Operation::new(), notify: self }
    }

    /// The same; the future owns the notifier.
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        let owned = Owned::new(self, |notify| Box::pin(notify.notified()));
        OwnedNotified { owned, pinned: PhantomPinned }
    }

    /// Wakes the first who waits; if nobody does, the next one does not have to wait.
    pub fn notify_one(&self) {
        self.object.write();
        self.real.notify_one();
    }

    /// Wakes the last who waits; if nobody does, the next one does not have to wait.
    pub fn notify_last(&self) {
        self.object.write();
        self.real.notify_last();
    }

    /// Wakes all who wait now.
    pub fn notify_waiters(&self) {
        self.object.write();
        self.real.notify_waiters();
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self::new()
    }
}

impl UnwindSafe for Notify {}
impl RefUnwindSafe for Notify {}

pin_project! {
    /// The future of [`Notify::notified`].
    #[must_use = "futures do nothing unless they are awaited"]
    #[derive(Debug)]
    pub struct Notified<'a> {
        #[pin]
        real: tokio::futures::Notified<'a>,
        operation: Operation,
        notify: &'a Notify,
    }
}

impl Notified<'_> {
    /// Stands in the queue now. Returns whether it has been notified already.
    pub fn enable(self: Pin<&mut Self>) -> bool {
        let this = self.project();
        this.operation.begin(&this.notify.object, Mode::Write);
        this.real.enable()
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        NOTIFIED.poll(&this.notify.object, this.operation, cx, |cx| this.real.poll(cx))
    }
}

#[ouroboros::self_referencing]
struct Owned {
    owner: Arc<Notify>,
    #[borrows(owner)]
    #[not_covariant]
    notified: Pin<Box<Notified<'this>>>,
}

pin_project! {
    /// The future of [`Notify::notified_owned`].
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct OwnedNotified {
        owned: Owned,
        // As the real one, which stands in the queue itself.
        #[pin]
        pinned: PhantomPinned,
    }
}

impl OwnedNotified {
    /// Stands in the queue now. Returns whether it has been notified already.
    pub fn enable(self: Pin<&mut Self>) -> bool {
        self.project().owned.with_notified_mut(|notified| notified.as_mut().enable())
    }
}

impl Future for OwnedNotified {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().owned.with_notified_mut(|notified| notified.as_mut().poll(cx))
    }
}

impl fmt::Debug for OwnedNotified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedNotified").finish_non_exhaustive()
    }
}

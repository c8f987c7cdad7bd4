//! The real futures, with their uses of a tracked object.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use mapi_sync_engine::sync::{Gain, Operation};
use mapi_sync_engine::{self as engine, Mode, Object};
use pin_project_lite::pin_project;

use crate::inside::is_inside;

/// How an operation uses its object.
#[derive(Clone, Copy)]
pub(super) struct Use {
    /// What it waits for, in words.
    pub(super) kind: &'static str,
    pub(super) mode: Mode,
    pub(super) gain: Gain,
}

impl Use {
    /// Waits in a queue until something is handed over.
    pub(super) const fn queue(kind: &'static str) -> Self {
        Self { kind, mode: Mode::Write, gain: Gain::Handed }
    }

    /// Waits until what all share has changed.
    pub(super) const fn look(kind: &'static str) -> Self {
        Self { kind, mode: Mode::Read, gain: Gain::Seen }
    }

    pub(super) fn poll<T>(
        self,
        object: &Object,
        operation: &mut Operation,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        operation.poll(object, self.kind, self.mode, self.gain, cx, poll)
    }
}

pin_project! {
    /// A real future as an operation on a tracked object.
    pub(super) struct Tracked<F> {
        #[pin]
        future: F,
        operation: Operation,
        object: Object,
        how: Use,
    }
}

pub(super) fn tracked<F: Future>(object: Object, how: Use, future: F) -> Tracked<F> {
    Tracked { future, operation: Operation::new(), object, how }
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.how.poll(this.object, this.operation, cx, |cx| this.future.poll(cx))
    }
}

pin_project! {
    /// A future whose every segment changes the object. It runs code of the program, which may
    /// wait for other things.
    pub(super) struct Touching<F> {
        #[pin]
        future: F,
        point: Option<engine::YieldNow>,
        object: Object,
    }
}

pub(super) fn touching<F: Future>(object: Object, future: F) -> Touching<F> {
    Touching { future, point: is_inside().then(engine::yield_now), object }
}

impl<F: Future> Future for Touching<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // Whoever polls with a waker without data polls once, as `now_or_never` does.
        if let Some(point) = this.point.as_mut().filter(|_| !cx.waker().data().is_null()) {
            ready!(Pin::new(point).poll(cx));
        }
        *this.point = None;
        this.object.write();
        this.future.poll(cx)
    }
}

/// Changes the object when it is dropped: something is given back.
#[derive(Debug)]
pub(super) struct Release(Option<Object>);

impl Release {
    pub(super) fn new(object: Object) -> Self {
        Self(Some(object))
    }

    /// Something is given back already.
    pub(super) fn note(&self) {
        if let Some(object) = &self.0 {
            object.write();
        }
    }

    /// Nothing is given back.
    pub(super) fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Release {
    #[inline]
    fn drop(&mut self) {
        if let Some(object) = &self.0 {
            object.write();
        }
    }
}

/// Access to what a guard locks, and formatting, through the real one.
macro_rules! guard {
    ($name:ident) => {
        impl<T: ?Sized> std::ops::Deref for $name<'_, T> {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                &self.real
            }
        }

        impl<T: ?Sized + std::fmt::Debug> std::fmt::Debug for $name<'_, T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<T: ?Sized + std::fmt::Display> std::fmt::Display for $name<'_, T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                (**self).fmt(f)
            }
        }
    };
    (mut $name:ident) => {
        guard!($name);

        impl<T: ?Sized> std::ops::DerefMut for $name<'_, T> {
            #[inline]
            fn deref_mut(&mut self) -> &mut T {
                &mut self.real
            }
        }
    };
}
pub(super) use guard;

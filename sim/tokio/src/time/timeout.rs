//! A future with a deadline.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use mapi_sync_engine as engine;
use pin_project_lite::pin_project;

use super::error::Elapsed;
use super::{Duration, Instant, Sleep};
use crate::inside::is_inside;

/// Gives a future up after a length of time. Inside an execution that is exact.
///
/// # Panics
///
/// Outside of an execution and of a runtime.
#[track_caller]
pub fn timeout<F>(duration: Duration, future: F) -> Timeout<F::IntoFuture>
where
    F: IntoFuture,
{
    let future = future.into_future();
    Timeout {
        repr: if is_inside() {
            Repr::Inside { future, delay: Sleep::inside(engine::sleep_for(duration)) }
        } else {
            Repr::Real { timeout: real::time::timeout(duration, future) }
        },
    }
}

/// Gives a future up at a moment. Inside an execution that is exact.
///
/// # Panics
///
/// Outside of an execution and of a runtime.
#[track_caller]
pub fn timeout_at<F>(deadline: Instant, future: F) -> Timeout<F::IntoFuture>
where
    F: IntoFuture,
{
    let future = future.into_future();
    Timeout {
        repr: if is_inside() {
            Repr::Inside { future, delay: Sleep::inside(engine::sleep_until(deadline.ms())) }
        } else {
            Repr::Real { timeout: real::time::timeout_at(deadline.real(), future) }
        },
    }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Timeout<T> {
        #[pin]
        repr: Repr<T>,
    }
}

pin_project! {
    #[project = TimeoutProjection]
    #[derive(Debug)]
    enum Repr<T> {
        Real { #[pin] timeout: real::time::Timeout<T> },
        Inside { #[pin] future: T, #[pin] delay: Sleep },
    }
}

impl<T> Timeout<T> {
    /// The future.
    #[must_use]
    pub fn get_ref(&self) -> &T {
        match &self.repr {
            Repr::Real { timeout } => timeout.get_ref(),
            Repr::Inside { future, .. } => future,
        }
    }

    /// The future.
    #[must_use]
    pub fn get_mut(&mut self) -> &mut T {
        match &mut self.repr {
            Repr::Real { timeout } => timeout.get_mut(),
            Repr::Inside { future, .. } => future,
        }
    }

    /// The future, without a deadline.
    #[must_use]
    pub fn into_inner(self) -> T {
        match self.repr {
            Repr::Real { timeout } => timeout.into_inner(),
            Repr::Inside { future, .. } => future,
        }
    }
}

impl<T: Future> Future for Timeout<T> {
    type Output = Result<T::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().repr.project() {
            TimeoutProjection::Real { timeout } => {
                timeout.poll(cx).map(|result| result.map_err(|_| Elapsed::new()))
            }
            TimeoutProjection::Inside { future, delay } => {
                if let Poll::Ready(output) = future.poll(cx) {
                    return Poll::Ready(Ok(output));
                }
                ready!(delay.poll(cx));
                Poll::Ready(Err(Elapsed::new()))
            }
        }
    }
}

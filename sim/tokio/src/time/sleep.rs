//! Waiting for a time.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use mapi_sync_engine as engine;
use pin_project_lite::pin_project;

use super::clock::is_paused;
use super::{Duration, Instant};
use crate::inside::is_inside;

/// Waits for a length of time.
///
/// Inside an execution this stands for work that takes about that long: it may be late within
/// [`Limits::late_percent`](engine::Limits::late_percent), unless the clock is paused.
///
/// # Panics
///
/// Outside of an execution and of a runtime.
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    if !is_inside() {
        Sleep::real(real::time::sleep(duration))
    } else if is_paused() {
        Sleep::inside(engine::sleep_for(duration))
    } else {
        Sleep::inside(engine::work_for(duration))
    }
}

/// Waits until a moment. Inside an execution it is exact.
///
/// # Panics
///
/// Outside of an execution and of a runtime.
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    if is_inside() {
        Sleep::inside(engine::sleep_until(deadline.ms()))
    } else {
        Sleep::real(real::time::sleep_until(deadline.real()))
    }
}

pin_project! {
    /// The future of [`sleep`] and [`sleep_until`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Sleep {
        #[pin]
        repr: Repr,
    }
}

pin_project! {
    #[project = SleepProjection]
    #[derive(Debug)]
    enum Repr {
        Real { #[pin] sleep: real::time::Sleep },
        Inside { sleep: engine::Sleep, is_elapsed: bool },
    }
}

impl Sleep {
    fn real(sleep: real::time::Sleep) -> Self {
        Self { repr: Repr::Real { sleep } }
    }

    pub(super) fn inside(sleep: engine::Sleep) -> Self {
        Self { repr: Repr::Inside { sleep, is_elapsed: false } }
    }

    /// When it ends.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        match &self.repr {
            Repr::Real { sleep } => Instant::from_std(sleep.deadline().into_std()),
            Repr::Inside { sleep, .. } => Instant::from_ms(sleep.deadline()),
        }
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_elapsed(&self) -> bool {
        match &self.repr {
            Repr::Real { sleep } => sleep.is_elapsed(),
            Repr::Inside { is_elapsed, .. } => *is_elapsed,
        }
    }

    /// Moves the end. Inside an execution it is exact then.
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        match self.project().repr.project() {
            SleepProjection::Real { sleep } => sleep.reset(deadline.real()),
            SleepProjection::Inside { sleep, is_elapsed } => {
                *is_elapsed = false;
                sleep.reset(deadline.ms());
            }
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.project().repr.project() {
            SleepProjection::Real { sleep } => sleep.poll(cx),
            SleepProjection::Inside { sleep, is_elapsed } => {
                // It stays ready, as tokio's does.
                if !*is_elapsed {
                    ready!(Pin::new(sleep).poll(cx));
                    *is_elapsed = true;
                }
                Poll::Ready(())
            }
        }
    }
}

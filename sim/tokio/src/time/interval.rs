//! Ticks at equal distances.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use mapi_sync_engine as engine;

use super::instant::whole_ms;
use super::{Duration, Instant, MissedTickBehavior};
use crate::inside::is_inside;

/// Ticks now, and then every `period`. Inside an execution it is exact.
///
/// # Panics
///
/// If `period` is zero, and outside of an execution and of a runtime.
#[track_caller]
#[must_use]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks at `start`, and then every `period`. Inside an execution it is exact.
///
/// # Panics
///
/// As [`interval`] does.
#[track_caller]
#[must_use]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "`period` must be non-zero.");
    Interval(if is_inside() {
        Repr::Inside(Ticks {
            delay: engine::sleep_until(start.ms()),
            period,
            behavior: MissedTickBehavior::default(),
        })
    } else {
        Repr::Real(real::time::interval_at(start.real(), period))
    })
}

/// The ticks of [`interval`] and [`interval_at`].
#[derive(Debug)]
pub struct Interval(Repr);

#[derive(Debug)]
enum Repr {
    Real(real::time::Interval),
    Inside(Ticks),
}

/// Ticks in virtual time.
#[derive(Debug)]
struct Ticks {
    delay: engine::Sleep,
    period: Duration,
    behavior: MissedTickBehavior,
}

/// By how many milliseconds a tick may be late and still count as on time.
const ON_TIME_MS: u64 = 5;

impl Ticks {
    fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(Pin::new(&mut self.delay).poll(cx));
        let due = self.delay.deadline();
        self.delay.reset(self.after(due, engine::now()));
        Poll::Ready(Instant::from_ms(due))
    }

    /// When the next tick is due.
    fn after(&self, due: u64, now: u64) -> u64 {
        let period = whole_ms(self.period);
        if now <= due.saturating_add(ON_TIME_MS) {
            return due.saturating_add(period);
        }
        match self.behavior {
            MissedTickBehavior::Burst => due.saturating_add(period),
            MissedTickBehavior::Delay => now.saturating_add(period),
            MissedTickBehavior::Skip => now.saturating_add(period - (now - due) % period),
        }
    }
}

impl Interval {
    /// Waits for the next tick, and returns when it was due.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// Polls for the next tick.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        match &mut self.0 {
            Repr::Real(ticks) => ticks.poll_tick(cx).map(|due| Instant::from_std(due.into_std())),
            Repr::Inside(ticks) => ticks.poll_tick(cx),
        }
    }

    /// Lets the next tick come one period from now.
    pub fn reset(&mut self) {
        match &mut self.0 {
            Repr::Real(ticks) => ticks.reset(),
            Repr::Inside(ticks) => {
                ticks.delay.reset(engine::now().saturating_add(whole_ms(ticks.period)));
            }
        }
    }

    /// Lets the next tick come now.
    pub fn reset_immediately(&mut self) {
        match &mut self.0 {
            Repr::Real(ticks) => ticks.reset_immediately(),
            Repr::Inside(ticks) => ticks.delay.reset(engine::now()),
        }
    }

    /// Lets the next tick come that much later.
    pub fn reset_after(&mut self, after: Duration) {
        match &mut self.0 {
            Repr::Real(ticks) => ticks.reset_after(after),
            Repr::Inside(ticks) => {
                ticks.delay.reset(engine::now().saturating_add(whole_ms(after)));
            }
        }
    }

    /// Lets the next tick come at that moment.
    pub fn reset_at(&mut self, deadline: Instant) {
        match &mut self.0 {
            Repr::Real(ticks) => ticks.reset_at(deadline.real()),
            Repr::Inside(ticks) => ticks.delay.reset(deadline.ms()),
        }
    }

    /// What happens to ticks that were missed.
    #[must_use]
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        match &self.0 {
            Repr::Real(ticks) => ticks.missed_tick_behavior(),
            Repr::Inside(ticks) => ticks.behavior,
        }
    }

    /// Changes what happens to ticks that were missed.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        match &mut self.0 {
            Repr::Real(ticks) => ticks.set_missed_tick_behavior(behavior),
            Repr::Inside(ticks) => ticks.behavior = behavior,
        }
    }

    /// The distance between two ticks.
    #[must_use]
    pub fn period(&self) -> Duration {
        match &self.0 {
            Repr::Real(ticks) => ticks.period(),
            Repr::Inside(ticks) => ticks.period,
        }
    }
}

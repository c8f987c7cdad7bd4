//! The paused clock. Virtual time only moves when no task can run, so pausing it only makes every
//! timer exact.

use std::cell::Cell;

use mapi_sync_engine as engine;

thread_local! {
    /// The execution whose clock is paused; 0 if none is.
    static PAUSED: Cell<u64> = const { Cell::new(0) };
}

/// Whether the clock of the execution that runs is paused.
pub(super) fn is_paused() -> bool {
    PAUSED.get() != 0 && engine::execution() == Some(PAUSED.get())
}

#[cfg(feature = "test-util")]
mod control {
    use super::{PAUSED, engine, is_paused};
    use crate::inside::is_inside;
    use crate::time::Duration;

    /// Pauses the clock of the execution that runs.
    pub(crate) fn start_paused() {
        PAUSED.set(engine::execution().unwrap_or(0));
    }

    /// Pauses the clock: from now on it only moves when no task can run. Inside an execution that
    /// is always so; there every [`sleep`](crate::time::sleep) is exact from now on.
    ///
    /// # Panics
    ///
    /// If it is paused already, and outside of an execution and of a runtime of one thread.
    #[track_caller]
    pub fn pause() {
        if !is_inside() {
            return real::time::pause();
        }
        assert!(!is_paused(), "time is already frozen");
        start_paused();
    }

    /// Ends what [`pause`] began.
    ///
    /// # Panics
    ///
    /// If the clock is not paused, and outside of an execution and of a runtime.
    #[track_caller]
    pub fn resume() {
        if !is_inside() {
            return real::time::resume();
        }
        assert!(is_paused(), "time is not frozen");
        PAUSED.set(0);
    }

    /// Moves the paused clock by `duration`. Inside an execution that is a wait: timers on the way
    /// fire at their own time.
    ///
    /// # Panics
    ///
    /// If the clock is not paused, and outside of an execution and of a runtime.
    pub async fn advance(duration: Duration) {
        if !is_inside() {
            return real::time::advance(duration).await;
        }
        assert!(is_paused(), "time is not frozen");
        engine::sleep_for(duration).await;
    }
}

#[cfg(feature = "test-util")]
pub(crate) use self::control::start_paused;
#[cfg(feature = "test-util")]
pub use self::control::{advance, pause, resume};

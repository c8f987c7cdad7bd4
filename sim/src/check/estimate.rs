//! How many executions an exhaustive search has, estimated beside it.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::search::Search;
use super::watchdog::Work;
use crate::engine::Engine;
use crate::lock::lock;
use crate::strategy::{Probe, TrackedSharing};

/// A search that has ended by then needs no estimate.
const FIRST: Duration = Duration::from_millis(500);

/// How many rounds are walked beside a search.
const ROUNDS: u32 = 2;

/// How many walks an estimate has that is made when the search has ended early, and what it may
/// take: little beside the search. It is the same each time.
const WALKS: u32 = 128;
const EXECUTIONS: u64 = 500;
const TIMES: u64 = 8;
const STEPS: u64 = 200_000;

/// What is known of the number of executions.
#[derive(Default)]
pub(super) struct Estimate(Mutex<Option<f64>>);

impl Search<'_> {
    fn probe(&self) -> Probe {
        if self.reduces {
            Probe::classes(TrackedSharing, self.seed)
        } else {
            Probe::schedules(self.seed)
        }
    }

    fn probing_engine(&self, probe: Probe) -> Engine {
        let mut engine = Engine::new(self.limits, probe);
        self.watch.engine(&mut engine, Work::Search { numbered: false });
        engine
    }

    /// Makes an estimate, and tells the control, until the search ends: then the other side of the
    /// channel goes.
    pub(super) fn estimate_beside(&self, estimate: &Estimate, goes_on: &Receiver<()>) {
        if goes_on.recv_timeout(FIRST) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        let mut engine = self.probing_engine(self.probe());
        let mut rounds = 0;
        while rounds < ROUNDS
            && goes_on.recv_timeout(Duration::ZERO) == Err(RecvTimeoutError::Timeout)
        {
            if self.world.run(&mut engine, 0).is_none() {
                return;
            }
            let Some(probe) = engine.strategy::<Probe>() else { return };
            if probe.rounds() > rounds {
                rounds = probe.rounds();
                *lock(&estimate.0) = probe.estimate();
                self.watch.control.set_whole(probe.estimate().unwrap_or(0.0));
            }
        }
    }

    /// About how many executions there are, of a search that ended after `executions`. Infinite if
    /// that is unknown.
    pub(super) fn estimate_after(&self, executions: u64, estimate: &Estimate) -> f64 {
        let known = if self.watch.control.is_interrupted() {
            // It is to end now.
            *lock(&estimate.0)
        } else {
            self.estimate_at_once(EXECUTIONS.saturating_add(TIMES.saturating_mul(executions)))
        };
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let least = executions as f64;
        known.filter(|known| *known > least).unwrap_or(f64::INFINITY)
    }

    fn estimate_at_once(&self, most: u64) -> Option<f64> {
        let mut engine = self.probing_engine(self.probe().with_walks(WALKS));
        let mut steps = 0;
        for _ in 0..most {
            steps += self.world.run(&mut engine, 0)?.outcome.steps;
            let probe = engine.strategy::<Probe>()?;
            if probe.rounds() > 0 {
                return probe.estimate();
            }
            if steps > STEPS || self.watch.control.is_interrupted() {
                break;
            }
        }
        None
    }
}

//! How many executions an exhaustive search has, estimated beside it.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::search::Search;
use super::watchdog::Work;
use crate::engine::Engine;
use crate::lock::lock;
use crate::strategy::{Bound, Probe, TrackedSharing};

/// A search that has ended by then needs no estimate.
const FIRST: Duration = Duration::from_millis(500);

/// How many rounds are walked beside a search.
const ROUNDS: u32 = 2;

/// How many walks an estimate has that is made when the search has ended early, and what it may
/// take: little beside the search, or in itself. It is the same each time.
const WALKS: u32 = 128;
const EXECUTIONS: u64 = 5_000;
const TIMES: u64 = 8;
const STEPS: u64 = 200_000;

/// What is known of the numbers of executions: of each round, if there are several, from the first.
#[derive(Default)]
pub(super) struct Estimate(Mutex<Vec<f64>>);

impl Search<'_> {
    /// Walks over what is searched: in the round with this bound, if the search has rounds. `None`
    /// if the search has more to decide than the walks.
    fn probe(&self, bound: Option<Bound>) -> Option<Probe> {
        if self.limits.skew_ms > 0 || self.limits.spurious > 0 {
            return None;
        }
        Some(match bound {
            Some(bound) => Probe::bounded(bound, self.seed),
            None if self.reduces => Probe::classes(TrackedSharing, self.seed),
            None => Probe::schedules(self.seed),
        })
    }

    fn probing_engine(&self, probe: Probe) -> Engine {
        let mut engine = Engine::new(self.limits, probe);
        self.watch.engine(&mut engine, Work::Search { numbered: false });
        engine
    }

    /// Makes an estimate, and tells the control, until the search ends: then the other side of the
    /// channel goes. A search with a bound has a round for each bound up to that.
    pub(super) fn estimate_beside(
        &self,
        bound: Option<Bound>,
        estimate: &Estimate,
        goes_on: &Receiver<()>,
    ) {
        if goes_on.recv_timeout(FIRST) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        let mut whole = 0.0;
        for round in 0..=bound.map_or(0, Bound::most) {
            let bound = bound.map(|bound| bound.at(round));
            let Some(probe) = self.probe(bound) else { return };
            let Some((own, was_cut)) = self.walk_beside(probe, bound, whole, estimate, goes_on)
            else {
                return;
            };
            whole += own;
            if !was_cut {
                break;
            }
        }
        self.watch.control.set_whole(whole);
    }

    /// Estimates the executions of one round. Returns whether there is a next one, too.
    fn walk_beside(
        &self,
        probe: Probe,
        bound: Option<Bound>,
        before: f64,
        estimate: &Estimate,
        goes_on: &Receiver<()>,
    ) -> Option<(f64, bool)> {
        let mut engine = self.probing_engine(probe);
        let mut rounds = 0;
        let mut known = None;
        while rounds < ROUNDS {
            if goes_on.recv_timeout(Duration::ZERO) != Err(RecvTimeoutError::Timeout) {
                return None;
            }
            self.world.run(&mut engine, 0)?;
            let probe = engine.strategy::<Probe>()?;
            if probe.rounds() > rounds {
                rounds = probe.rounds();
                let own = probe.estimate()?;
                let mut all = lock(&estimate.0);
                if known.replace((own, probe.was_cut())).is_some() {
                    all.pop();
                }
                all.push(own);
                if bound.is_none() {
                    self.watch.control.set_whole(before + own);
                }
            }
        }
        known
    }

    /// About how many executions there are, of a search, or its round with this bound, that ended
    /// after `executions`. Infinite if that is unknown.
    pub(super) fn estimate_after(
        &self,
        bound: Option<Bound>,
        executions: u64,
        estimate: &Estimate,
    ) -> f64 {
        let known = if self.watch.control.is_interrupted() {
            // It is to end now.
            lock(&estimate.0).get(bound.map_or(0, Bound::most) as usize).copied()
        } else {
            let most = EXECUTIONS.saturating_add(TIMES.saturating_mul(executions));
            self.estimate_at_once(bound, most)
        };
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let least = executions as f64;
        known.filter(|known| *known > least).unwrap_or(f64::INFINITY)
    }

    fn estimate_at_once(&self, bound: Option<Bound>, most: u64) -> Option<f64> {
        let mut engine = self.probing_engine(self.probe(bound)?.with_walks(WALKS));
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

//! Running many executions and keeping the first one that shows each defect.

use std::ops::{ControlFlow, Range};

use super::Defect;
use super::execution::defects;
use crate::decision::Decisions;
use crate::engine::parallel::{Control, sweep};
use crate::engine::{End, Engine, Limits};
use crate::strategy::{Replay, StrategyInfo};
use crate::watch::Watched;
use crate::world::{Coverage, World};

/// Executions that one thread runs before it hands in what it saw. Fixed, so that results do not depend on the threads.
const CHUNK: u64 = 32;

/// Each execution below this number, and of the others each whose number is a multiple of [`REPEAT_EVERY`], is run
/// twice and compared.
const REPEAT_FIRST: u64 = 8;
const REPEAT_EVERY: u64 = 1024;

/// The executions below this number are compared with one another, to see whether there is more than one.
const COMPARED: u64 = 256;

/// What to run.
pub(super) struct Search<'a> {
    pub(super) world: &'a World,
    pub(super) limits: Limits,
    pub(super) strategy: &'static StrategyInfo,
    pub(super) seed: u64,
    /// How many executions at most.
    pub(super) schedules: u64,
    pub(super) jobs: usize,
    /// Ends the search at the first execution that shows one of these.
    pub(super) until: Until,
}

/// When a search ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// It does not.
    Exhausted,
    /// At the first execution with any defect.
    Any,
    /// At the first execution with this defect.
    Found(Defect),
}

/// The first execution that showed a defect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) defect: Defect,
    /// The execution's number.
    pub(super) index: u64,
    pub(super) decisions: Decisions,
    /// What the defect is, if a replay cannot show it.
    pub(super) message: Option<String>,
}

/// What a search saw.
#[derive(Debug, Default)]
pub(super) struct Sight {
    pub(super) schedules: u64,
    pub(super) steps: u64,
    /// The strategy had nothing left.
    pub(super) exhausted: bool,
    /// It ended early, as was asked.
    pub(super) stopped: bool,
    pub(super) coverage: Coverage,
    /// The first of the executions that were compared, by its fingerprint.
    first: Option<u64>,
    /// Whether two executions differed.
    pub(super) several: bool,
    /// Whether in one of the executions that were compared, two steps were in conflict and could have come in the other
    /// order.
    pub(super) raced: bool,
    /// One for each defect, in the order of the executions.
    pub(super) found: Vec<Candidate>,
}

impl Search<'_> {
    /// Runs the executions. The result is the same for every number of jobs, unless `control` interrupts it.
    pub(super) fn run(&self, control: &Control) -> Sight {
        // An exhaustive strategy keeps its place in itself, so its executions are one sequence.
        let jobs = if self.strategy.exhaustive { 1 } else { self.jobs };
        let mut sight = Sight::default();
        let worker = || {
            let mut engine = self.strategy.engine(self.limits, self.seed);
            move |range: Range<u64>| self.chunk(&mut engine, range, control)
        };
        sweep(self.schedules, CHUNK, jobs, control, worker, |chunk| {
            sight.merge(chunk);
            if sight.exhausted || sight.stopped {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        sight
    }

    fn chunk(&self, engine: &mut Engine, range: Range<u64>, control: &Control) -> Sight {
        let mut sight = Sight::default();
        for index in range {
            if control.is_interrupted() {
                break;
            }
            let Some(observed) = self.world.run(engine, index) else {
                sight.exhausted = true;
                break;
            };
            control.count(1);
            if observed.outcome.end == End::Abandoned {
                // The search has seen another execution like it.
                continue;
            }
            sight.schedules += 1;
            sight.steps += observed.outcome.steps;
            sight.coverage.merge(&observed.coverage);
            if index < COMPARED {
                sight.compare(engine.fingerprint());
                sight.raced = sight.raced || self.races(engine.decisions());
            }
            let mut stops = false;
            for defect in defects(&observed) {
                stops |= self.until.is_met_by(defect);
                if !sight.has(defect) {
                    let decisions = engine.decisions();
                    sight.found.push(Candidate { defect, index, decisions, message: None });
                }
            }
            if (index < REPEAT_FIRST || index % REPEAT_EVERY == 0)
                && let Err(error) = self.world.repeat(engine, &observed)
            {
                let defect = Defect::Nondeterminism;
                stops |= self.until.is_met_by(defect);
                if !sight.has(defect) {
                    let decisions = engine.decisions();
                    let message = Some(error.to_string());
                    sight.found.push(Candidate { defect, index, decisions, message });
                }
            }
            if stops {
                sight.stopped = true;
                break;
            }
        }
        sight
    }

    /// Whether an execution under these decisions has steps in conflict.
    fn races(&self, decisions: Decisions) -> bool {
        let mut engine = Engine::new(self.limits, Watched::new(Replay::new(decisions)));
        self.world.run(&mut engine, 0);
        engine.strategy::<Watched<Replay>>().is_some_and(|watched| watched.raced())
    }
}

impl Sight {
    fn has(&self, defect: Defect) -> bool {
        self.found.iter().any(|candidate| candidate.defect == defect)
    }

    /// Notes whether an execution differs from the first one.
    fn compare(&mut self, fingerprint: u64) {
        let first = *self.first.get_or_insert(fingerprint);
        self.several |= first != fingerprint;
    }

    /// Adds what the next chunk saw.
    fn merge(&mut self, chunk: Self) {
        self.schedules += chunk.schedules;
        self.steps += chunk.steps;
        self.exhausted |= chunk.exhausted;
        self.stopped |= chunk.stopped;
        self.several |= chunk.several;
        self.raced |= chunk.raced;
        if let Some(first) = chunk.first {
            self.compare(first);
        }
        self.coverage.merge(&chunk.coverage);
        for candidate in chunk.found {
            if !self.has(candidate.defect) {
                self.found.push(candidate);
            }
        }
    }
}

impl Until {
    fn is_met_by(self, defect: Defect) -> bool {
        match self {
            Self::Exhausted => false,
            Self::Any => true,
            Self::Found(wanted) => wanted == defect,
        }
    }
}

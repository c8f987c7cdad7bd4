//! Running many executions and keeping the first one that shows each defect.

use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicU64, Ordering};

use mapi_sync_engine::Proof;

use super::Defect;
use super::execution::defects;
use crate::decision::Decisions;
use crate::engine::parallel::{Control, run_chunks, run_splittable};
use crate::engine::{End, Engine, Limits};
use crate::strategy::Watched;
use crate::strategy::{Dfs, Dpor, Findings, Replay, StrategyInfo, TrackedSharing, explore};
use crate::world::{Coverage, Observed, World};

/// Executions that one thread runs before it hands in what it saw. Fixed, so that results do not
/// depend on the threads.
const CHUNK: u64 = 32;

/// Each execution below this number, and of the others each whose number is a multiple of
/// [`REPEAT_EVERY`], is run twice and compared.
const REPEAT_FIRST: u64 = 8;
const REPEAT_EVERY: u64 = 1024;

/// Of a search in parts, each execution is run twice whose fingerprint is a multiple of this: it
/// does not have a number.
const REPEAT_ONE_IN: u64 = 64;

/// A search that runs every schedule hands over what is left of a part once in so many of its
/// executions. Fixed, so that results do not depend on the threads.
const PERIOD: u32 = 256;

/// The executions below this number are compared with one another, to see whether there is more
/// than one.
const COMPARED: u64 = 256;

/// What to run.
pub(super) struct Search<'a> {
    pub(super) world: &'a World,
    pub(super) limits: Limits,
    pub(super) strategy: &'static StrategyInfo,
    /// Whether one execution of each class is enough.
    pub(super) reduces: bool,
    pub(super) seed: u64,
    /// How many executions at most, if not all.
    pub(super) schedules: Option<u64>,
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
    /// It ended early, because as many as were asked for had been run.
    enough: bool,
    /// Of an exhaustive strategy: how far it came.
    pub(super) proof: Option<Proof>,
    pub(super) coverage: Coverage,
    /// The first of the executions that were compared, by its fingerprint.
    first: Option<u64>,
    /// Whether two executions differed.
    pub(super) several: bool,
    /// Whether in one of the executions that were compared, two steps were in conflict and could
    /// have come in the other order.
    pub(super) raced: bool,
    /// One for each defect, in the order of the executions.
    pub(super) found: Vec<Candidate>,
}

impl Search<'_> {
    /// Runs the executions. The result is the same for every number of jobs, unless `control`
    /// interrupts it.
    pub(super) fn run(&self, control: &Control) -> Sight {
        if self.reduces {
            return self.run_in_parts(control);
        }
        if self.schedules.is_none()
            && let Some(search) = self.engine().strategy::<Dfs>().cloned()
        {
            return self.run_divided(search, control);
        }
        // Other exhaustive strategies keep their place in themselves, so their executions are one
        // sequence.
        let jobs = if self.strategy.exhaustive { 1 } else { self.jobs };
        let mut sight = Sight::default();
        let worker = || {
            let mut engine = self.engine();
            move |range: Range<u64>| self.chunk(&mut engine, range, control)
        };
        run_chunks(self.schedules.unwrap_or(u64::MAX), CHUNK, jobs, control, worker, |chunk| {
            sight.merge(chunk);
            if sight.exhausted || sight.stopped {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        sight
    }

    fn engine(&self) -> Engine {
        let mut engine = self.strategy.engine(self.limits, self.seed);
        if self.strategy.reduces && !self.reduces {
            // Nobody has said that it may.
            engine.set_strategy(Dfs::new());
        }
        engine
    }

    /// Runs every schedule, round after round, each divided among the threads.
    fn run_divided(&self, mut search: Dfs, control: &Control) -> Sight {
        let mut sight = Sight::default();
        loop {
            let worker = || {
                let mut engine = self.engine();
                move |part: Dfs, others: &dyn Fn(Option<Dfs>) -> bool| {
                    let first = part.is_first();
                    drop(engine.set_strategy(part));
                    let mut runs = 0_u32;
                    let seen = self.part(&mut engine, first, None, control, |engine| {
                        runs = runs.wrapping_add(1);
                        !runs.is_multiple_of(PERIOD)
                            || others(engine.strategy::<Dfs>().and_then(Dfs::split))
                    });
                    (seen, engine.strategy::<Dfs>().cloned())
                }
            };
            let whole = search.whole_round();
            run_splittable(
                whole,
                self.jobs,
                control,
                worker,
                |(seen, part): (Sight, Option<Dfs>)| {
                    sight.append(seen);
                    if let Some(part) = part {
                        search.absorb(&part);
                    }
                    control.set_share(search.explored());
                    if sight.stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                },
            );
            if sight.stopped || control.is_interrupted() || !search.deepen() {
                break;
            }
        }
        sight.exhausted = search.is_complete();
        sight.proof = Some(search.proof_within(&self.limits));
        sight
    }

    /// Runs one execution of each class.
    fn run_in_parts(&self, control: &Control) -> Sight {
        // One thread runs them in the order in which they are put together, so it is known when
        // there are enough.
        let jobs = if self.schedules.is_some() { 1 } else { self.jobs };
        let left = self.schedules.map(AtomicU64::new);
        let (mut sight, certificate) = explore(TrackedSharing, jobs, control, || {
            let (mut engine, left) = (self.engine(), left.as_ref());
            move |part: Dpor| {
                let first = part.is_first();
                drop(engine.set_strategy(part));
                self.part(&mut engine, first, left, control, |_| true)
            }
        });
        sight.exhausted = certificate.complete;
        sight.raced = certificate.races > 0;
        sight.proof = Some(certificate.proof(sight.schedules, &self.limits));
        sight
    }

    /// Runs what the engine has been given, which is the `first` of the parts or a later one; no
    /// more than what is `left` of all executions, if they are limited. `goes_on` tells after
    /// each execution whether to go on.
    fn part(
        &self,
        engine: &mut Engine,
        first: bool,
        left: Option<&AtomicU64>,
        control: &Control,
        mut goes_on: impl FnMut(&mut Engine) -> bool,
    ) -> Sight {
        let mut sight = Sight::default();
        while !control.is_interrupted() {
            if left.is_some_and(|left| left.load(Ordering::Relaxed) == 0) {
                sight.enough = true;
                break;
            }
            let index = sight.schedules;
            let Some(observed) = self.world.run(engine, index) else { break };
            control.count(1);
            if observed.outcome.end == End::Abandoned {
                continue;
            }
            if let Some(left) = left {
                left.fetch_sub(1, Ordering::Relaxed);
            }
            let twice =
                first && index < REPEAT_FIRST || engine.fingerprint().is_multiple_of(REPEAT_ONE_IN);
            if first && index < COMPARED && !self.reduces {
                sight.raced = sight.raced || self.races(engine.decisions());
            }
            if self.see(engine, index, &observed, twice, &mut sight) {
                sight.stopped = true;
                break;
            }
            if !goes_on(engine) {
                break;
            }
        }
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
            if index < COMPARED {
                sight.raced = sight.raced || self.races(engine.decisions());
            }
            let twice = index < REPEAT_FIRST || index % REPEAT_EVERY == 0;
            if self.see(engine, index, &observed, twice, &mut sight) {
                sight.stopped = true;
                break;
            }
        }
        sight.proof = engine.proof();
        if let Some(proof) = &sight.proof {
            control.set_share(proof.share());
        }
        sight
    }

    /// Whether an execution under these decisions has steps in conflict.
    fn races(&self, decisions: Decisions) -> bool {
        let mut engine = Engine::new(self.limits, Watched::new(Replay::new(decisions)));
        self.world.run(&mut engine, 0);
        engine.strategy::<Watched<Replay>>().is_some_and(|watched| watched.raced())
    }

    /// Takes note of an execution. Returns whether the search is to end.
    fn see(
        &self,
        engine: &mut Engine,
        index: u64,
        observed: &Observed,
        twice: bool,
        sight: &mut Sight,
    ) -> bool {
        sight.schedules += 1;
        sight.steps += observed.outcome.steps;
        sight.coverage.merge(&observed.coverage);
        if index < COMPARED {
            sight.compare(engine.fingerprint());
        }
        let mut stops = false;
        for defect in defects(observed) {
            stops |= self.until.is_met_by(defect);
            if !sight.has(defect) {
                let decisions = engine.decisions();
                sight.found.push(Candidate { defect, index, decisions, message: None });
            }
        }
        if twice && let Err(error) = self.world.repeat(engine, observed) {
            let defect = Defect::Nondeterminism;
            stops |= self.until.is_met_by(defect);
            if !sight.has(defect) {
                let decisions = engine.decisions();
                let message = Some(error.to_string());
                sight.found.push(Candidate { defect, index, decisions, message });
            }
        }
        stops
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
        self.enough |= chunk.enough;
        self.proof = chunk.proof.or(self.proof.take());
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

impl Findings for Sight {
    fn append(&mut self, mut later: Self) {
        for candidate in &mut later.found {
            candidate.index += self.schedules;
        }
        self.merge(later);
    }

    fn ends(&self) -> bool {
        self.stopped || self.enough
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

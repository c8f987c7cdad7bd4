//! Running many executions and keeping the first one that shows each defect.

mod summary;

use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use mapi_sync_engine::GuestUse;

pub(super) use self::summary::SearchSummary;
use super::estimate::Estimate;
use super::execution::asks_for_tokio;
use super::real_time::{RealTimeWait, Stopwatch};
use super::repeat::difference;
use super::watchdog::{RanSoFar, Watch, Work};
use crate::decision::Decisions;
use crate::defect::{Defect, defects};
use crate::engine::parallel::run_chunks;
use crate::engine::{Blocked, Budget, End, Engine, Limits, OutsideThreads, Strategy, TaskPanic};
use crate::strategy::{
    Around, Bound, Cancellations, Dfs, Dpor, Findings, Replay, StrategyInfo, TrackedSharing,
    Watched, explore, explore_rounds,
};
use crate::world::{Observed, World};

/// How many executions one thread runs before it hands in its summary. Fixed, so that results do
/// not depend on the threads.
const CHUNK: u64 = 32;

/// Each execution below this number, and of the others each whose number is a multiple of
/// [`REPEAT_EVERY`], is run twice and compared.
const REPEAT_FIRST: u64 = 8;
const REPEAT_EVERY: u64 = 1024;

/// The same for an author's own code, which nobody has seen.
const REPEAT_FIRST_OWN: u64 = 64;
const REPEAT_EVERY_OWN: u64 = 128;

/// In a search in parts, an execution has no number. Each whose fingerprint is a multiple of this
/// is run twice.
const REPEAT_ONE_IN: u64 = 64;

/// The executions below this number are compared with one another: do any two differ?
const COMPARED: u64 = 256;

/// How many executions of a chunk or part may wait for a thread outside before the search ends.
const OUTSIDE: u64 = 4;

/// How many steps the livelocks of a chunk or part may take before the search ends, and those of
/// all executions. Where every schedule goes on until its budget ends it, many more show nothing
/// new, and take hours.
const LIVELOCK_STEPS: u64 = 400_000;
const ALL_LIVELOCK_STEPS: u64 = 10 * LIVELOCK_STEPS;

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
    pub(super) stop_at: StopAt,
    /// May interrupt it, and watches its engines.
    pub(super) watch: &'a Watch,
    /// Whether the provider, or the program, is an author's own.
    pub(super) own_code: bool,
    pub(super) outside_threads: OutsideThreads,
    /// Ends the search at the first execution that panics for want of the real tokio.
    pub(super) offers_tokio: bool,
    /// When it ends at the latest.
    pub(super) ends: Option<Instant>,
    /// Schedules around these decisions are run, and not those of the strategy.
    pub(super) around: Option<&'a Decisions>,
}

/// When a search ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopAt {
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

/// What an execution in which a thread outside took part shows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OutsideTask {
    /// The execution's number.
    pub(super) index: u64,
    /// The tasks that wait; none if all went on by other means.
    pub(super) waits: Vec<Blocked>,
}

/// The first execution that used the real tokio; of those, the first that ran tasks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokioSeen {
    /// The execution's number.
    pub(super) index: u64,
    pub(super) used: GuestUse,
    pub(super) decisions: Decisions,
}

impl Search<'_> {
    /// Runs the executions. The result is the same for every number of jobs, unless it is
    /// interrupted.
    pub(super) fn run(&self) -> SearchSummary {
        if self.reduces {
            return self.run_classes();
        }
        if self.schedules.is_none()
            && let Some(search) = self.depth_first()
        {
            return self.run_rounds(search);
        }
        // Other exhaustive strategies keep their position in themselves, so their executions are
        // one sequence.
        let jobs = if self.strategy.exhaustive { 1 } else { self.jobs };
        let mut summary = SearchSummary::default();
        let worker = || {
            let (mut engine, ran) = (self.engine(), self.watch.searcher());
            self.watch.engine(&mut engine, Work::Search { numbered: true });
            move |range: Range<u64>| self.chunk(&mut engine, &ran, range)
        };
        let schedules = self.schedules.unwrap_or(u64::MAX);
        run_chunks(schedules, CHUNK, jobs, &self.watch.control, worker, |chunk| {
            summary.merge(chunk);
            if summary.exhausted || summary.stopped {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        if let Some(reached) = summary.reached.take() {
            self.estimate_proof(&mut summary, &reached, &Estimate::default());
        }
        summary
    }

    /// Estimates how many executions a depth-first search has, if it ended early.
    fn estimate_proof(&self, summary: &mut SearchSummary, search: &Dfs, estimate: &Estimate) {
        let all = summary.schedules;
        if let Some(proof) = &mut summary.proof
            && !proof.complete
            && proof.gap.is_none()
        {
            proof.estimate = self.estimate_after(search.bound(), proof.count, all, estimate);
        }
    }

    /// Whether the strategy would run one execution of each class, but nobody has declared that it
    /// may.
    fn may_not_reduce(&self) -> bool {
        self.strategy.reduces && !self.reduces
    }

    /// The depth-first search, if the strategy is one.
    fn depth_first(&self) -> Option<Dfs> {
        if self.may_not_reduce() { Some(Dfs::new()) } else { self.strategy.depth_first() }
    }

    fn engine(&self) -> Engine {
        if let Some(decisions) = self.around {
            return self.engine_under(Around::new(decisions.clone(), self.seed));
        }
        if self.may_not_reduce() {
            return self.engine_under(Dfs::new());
        }
        let mut engine = self.strategy.engine(self.limits, self.seed);
        engine.share_outside_threads(&self.outside_threads);
        engine
    }

    fn engine_under(&self, strategy: impl Strategy) -> Engine {
        let mut engine = Engine::new(self.limits, strategy);
        engine.share_outside_threads(&self.outside_threads);
        engine
    }

    /// Runs every schedule, round after round, each split among the threads.
    fn run_rounds(&self, search: Dfs) -> SearchSummary {
        let mut summary = SearchSummary::default();
        let engine = || {
            let mut engine = self.engine_under(Dfs::new());
            self.watch.engine(&mut engine, Work::Search { numbered: false });
            engine
        };
        let bound = self.depth_first().and_then(|search| search.most());
        let explore = || {
            explore_rounds(
                search,
                self.jobs,
                &self.watch.control,
                engine,
                |engine, first, goes_on| {
                    self.part(engine, &self.watch.searcher(), first, None, goes_on)
                },
                |part| {
                    summary.append(part);
                    if summary.stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                },
            )
        };
        let estimate = Estimate::default();
        let search = self.estimated(bound, &estimate, explore);
        summary.exhausted = search.is_complete() && !search.is_cut_short();
        summary.proof = Some(search.proof_within(&self.limits));
        self.estimate_proof(&mut summary, &search, &estimate);
        summary
    }

    /// Runs a search, and estimates beside it how many executions it has.
    fn estimated<T>(
        &self,
        bound: Option<Bound>,
        estimate: &Estimate,
        search: impl FnOnce() -> T,
    ) -> T {
        thread::scope(|scope| {
            let (ends, goes_on) = mpsc::channel();
            scope.spawn(move || self.estimate_beside(bound, estimate, &goes_on));
            let result = search();
            drop::<mpsc::Sender<()>>(ends);
            result
        })
    }

    /// Runs one execution of each class.
    fn run_classes(&self) -> SearchSummary {
        // One thread runs them in the order in which they are put together, so it is known when
        // there are enough.
        let jobs = if self.schedules.is_some() { 1 } else { self.jobs };
        let left = self.schedules.map(AtomicU64::new);
        let worker = || {
            let (mut engine, left) = (self.engine(), left.as_ref());
            let ran = self.watch.searcher();
            self.watch.engine(&mut engine, Work::Search { numbered: false });
            move |part: Dpor| -> SearchSummary {
                let first = part.is_first();
                drop(engine.set_strategy(part));
                self.part(&mut engine, &ran, first, left, &mut |_| true)
            }
        };
        let estimate = Estimate::default();
        let (mut summary, certificate) = self.estimated(None, &estimate, || {
            explore(TrackedSharing, jobs, &self.watch.control, worker)
        });
        summary.exhausted = certificate.complete;
        summary.raced = certificate.races > 0;
        let mut proof = certificate.proof(summary.schedules, &self.limits);
        if !proof.complete && proof.gap.is_none() {
            proof.estimate =
                self.estimate_after(None, summary.schedules, summary.schedules, &estimate);
        }
        summary.proof = Some(proof);
        summary
    }

    /// Runs what the engine has been given, which is the `first` of the parts or a later one; no
    /// more than what is `left` of all executions, if they are limited. `goes_on` is asked after
    /// each execution that counts.
    fn part(
        &self,
        engine: &mut Engine,
        ran_so_far: &RanSoFar,
        first: bool,
        left: Option<&AtomicU64>,
        goes_on: &mut dyn FnMut(&mut Engine) -> bool,
    ) -> SearchSummary {
        let sampled = |engine: &Engine, index| Sampled {
            twice: first && index < self.repeats().0
                || engine.fingerprint().is_multiple_of(REPEAT_ONE_IN),
            races: first && index < COMPARED && !self.reduces,
        };
        let mut summary = SearchSummary::default();
        while !self.watch.control.is_interrupted() {
            if left.is_some_and(|left| left.load(Ordering::Relaxed) == 0) {
                summary.enough = true;
                break;
            }
            if self.ends_now(&mut summary) {
                break;
            }
            let index = summary.schedules;
            let ran = self.execute(engine, ran_so_far, index, &sampled, &mut summary);
            if let (Some(left), Ran::Counts | Ran::Stops) = (left, ran) {
                left.fetch_sub(1, Ordering::Relaxed);
            }
            match ran {
                Ran::Discarded => {}
                Ran::Counts if goes_on(engine) => {}
                Ran::Nothing | Ran::Counts | Ran::Stops => break,
            }
        }
        summary
    }

    /// How many of the first executions are run twice, and of the others each how many.
    fn repeats(&self) -> (u64, u64) {
        if self.own_code {
            (REPEAT_FIRST_OWN, REPEAT_EVERY_OWN)
        } else {
            (REPEAT_FIRST, REPEAT_EVERY)
        }
    }

    /// Runs the executions with these numbers.
    fn chunk(&self, engine: &mut Engine, ran: &RanSoFar, range: Range<u64>) -> SearchSummary {
        let (first, every) = self.repeats();
        let sampled = |_: &Engine, index: u64| Sampled {
            twice: index < first || index.is_multiple_of(every),
            races: index < COMPARED,
        };
        let mut summary = SearchSummary::default();
        for index in range {
            if self.watch.control.is_interrupted() || self.ends_now(&mut summary) {
                break;
            }
            match self.execute(engine, ran, index, &sampled, &mut summary) {
                Ran::Discarded | Ran::Counts => {}
                Ran::Nothing => {
                    summary.exhausted = true;
                    break;
                }
                Ran::Stops => break,
            }
        }
        summary.proof = engine.proof();
        summary.reached = engine.strategy::<Dfs>().cloned();
        if let Some(whole) = engine.strategy::<Cancellations>().and_then(|cases| cases.estimate()) {
            self.watch.control.set_whole(whole);
        }
        summary
    }

    /// Runs an execution and adds it to the summary.
    fn execute(
        &self,
        engine: &mut Engine,
        ran: &RanSoFar,
        index: u64,
        sampled: &dyn Fn(&Engine, u64) -> Sampled,
        summary: &mut SearchSummary,
    ) -> Ran {
        let Some(observed) = self.world.run(engine, index) else { return Ran::Nothing };
        self.watch.control.count(1);
        if observed.outcome.end == End::Abandoned {
            return Ran::Discarded;
        }
        let Sampled { twice, races } = sampled(engine, index);
        if races {
            summary.raced = summary.raced || self.races(index, engine.decisions());
        }
        let mut stops = self.record(engine, index, &observed, summary);
        ran.note(&observed, &summary.found);
        if twice {
            stops |= self.repeat(engine, index, &observed, summary);
        }
        if stops {
            summary.stopped = true;
            return Ran::Stops;
        }
        Ran::Counts
    }

    /// Whether the time of the search is over. Then it stops.
    fn ends_now(&self, summary: &mut SearchSummary) -> bool {
        let over = self.ends.is_some_and(|ends| Instant::now() >= ends);
        summary.out_of_time |= over;
        summary.stopped |= over;
        over
    }

    /// Whether an execution under these decisions has steps in conflict.
    fn races(&self, index: u64, decisions: Decisions) -> bool {
        let mut engine = self.engine_under(Watched::new(Replay::new(decisions)));
        self.watch.engine(&mut engine, Work::Search { numbered: !self.strategy.exhaustive });
        self.world.run(&mut engine, index);
        engine.strategy::<Watched<Replay>>().is_some_and(|watched| watched.raced())
    }

    /// The defects of an execution if no work is late, and its decisions then.
    fn in_time(&self, decisions: Decisions, observed: &Observed) -> (Vec<Defect>, Decisions) {
        if !decisions.has_late_work() {
            return (defects(observed).collect(), decisions);
        }
        let replay = Replay::new(decisions.without_late_work());
        let mut engine = self.engine_under(replay);
        let Some(observed) = self.world.run(&mut engine, 0) else { return Default::default() };
        (defects(&observed).collect(), engine.decisions())
    }

    /// Adds an execution to the summary. Returns whether the search is to end.
    fn record(
        &self,
        engine: &mut Engine,
        index: u64,
        observed: &Observed,
        summary: &mut SearchSummary,
    ) -> bool {
        summary.count(observed);
        if index < COMPARED {
            summary.compare(engine.fingerprint());
        }
        let mut stops = self.note_outside(index, observed, summary);
        stops |= self.note_tokio(engine, index, observed, summary);
        stops |= self.note_livelock(observed, summary);
        let mut in_time = None;
        for defect in defects(observed) {
            if summary.has(defect) && !self.stop_at.is_met_by(defect) {
                continue;
            }
            let mut decisions = None;
            if defect.bounds_time() {
                let (shown, taken) =
                    in_time.get_or_insert_with(|| self.in_time(engine.decisions(), observed));
                if !shown.contains(&defect) {
                    continue;
                }
                decisions = Some(taken.clone());
            }
            stops |= self.stop_at.is_met_by(defect);
            if !summary.has(defect) {
                let decisions = decisions.unwrap_or_else(|| engine.decisions());
                summary.found.push(Candidate { defect, index, decisions, message: None });
            }
        }
        stops
    }

    /// Runs an execution again and compares. Returns whether the search is to end.
    fn repeat(
        &self,
        engine: &mut Engine,
        index: u64,
        observed: &Observed,
        summary: &mut SearchSummary,
    ) -> bool {
        if observed.outcome.is_outside() {
            return false;
        }
        summary.repeated += 1;
        let watch = Stopwatch::start();
        let difference = difference(self.world, engine, observed, self.own_code);
        if self.own_code && summary.real_time.is_none() && watch.has_waited() {
            let engine_of = |measured| {
                let mut engine = self.engine_under(measured);
                self.watch.engine(&mut engine, Work::Search { numbered: false });
                engine
            };
            let wait = RealTimeWait::find(self.world, &engine.decisions(), engine_of);
            summary.real_time = wait.map(|wait| (index, wait));
        }
        let Some(message) = difference else { return false };
        let defect = Defect::Nondeterminism;
        if !summary.has(defect) {
            let decisions = engine.decisions();
            summary.found.push(Candidate { defect, index, decisions, message: Some(message) });
        }
        self.stop_at.is_met_by(defect)
    }

    /// Notes whether a thread outside took part. Returns whether that ends the search.
    fn note_outside(&self, index: u64, observed: &Observed, summary: &mut SearchSummary) -> bool {
        let outcome = &observed.outcome;
        if !outcome.is_outside() {
            return false;
        }
        let waits = if let End::Outside(waits) = &outcome.end { waits.as_slice() } else { &[] };
        summary.outside_ends += u64::from(!waits.is_empty());
        // One that waits says more.
        let new = summary.outside.as_ref().is_none_or(|known| known.waits.is_empty());
        if new && (summary.outside.is_none() || !waits.is_empty()) {
            summary.outside = Some(OutsideTask { index, waits: waits.to_vec() });
        }
        summary.outside_ends >= OUTSIDE
    }

    /// Notes what an execution used of the real tokio, or that it asked for it in vain. Returns
    /// whether that ends the search.
    fn note_tokio(
        &self,
        engine: &Engine,
        index: u64,
        observed: &Observed,
        summary: &mut SearchSummary,
    ) -> bool {
        let used = engine.guest_use();
        if used != GuestUse::default() {
            let seen = TokioSeen { index, used, decisions: engine.decisions() };
            summary.add_tokio(seen);
        }
        let asks = |panic: &TaskPanic| asks_for_tokio(&panic.message);
        summary.asks_for_tokio |= self.offers_tokio && observed.outcome.panics.iter().any(asks);
        summary.asks_for_tokio
    }

    /// Notes a livelock. Returns whether that ends the search: one for another defect goes on.
    fn note_livelock(&self, observed: &Observed, summary: &mut SearchSummary) -> bool {
        let is_livelock = observed.outcome.end == End::Livelock(Budget::Steps);
        if !is_livelock || matches!(self.stop_at, StopAt::Found(_)) {
            return false;
        }
        summary.livelocks += 1;
        summary.livelock_steps += observed.outcome.steps;
        summary.ended_at_livelocks = summary.livelock_steps >= LIVELOCK_STEPS;
        summary.ended_at_livelocks
    }
}

/// How an execution is looked at besides.
struct Sampled {
    /// It is run once more and compared.
    twice: bool,
    /// Its decisions are run once more to see whether steps were in conflict.
    races: bool,
}

/// What came of asking for an execution.
#[derive(Clone, Copy)]
enum Ran {
    /// The strategy has nothing left.
    Nothing,
    /// One that is equivalent to an earlier one.
    Discarded,
    Counts,
    /// One that ends the search.
    Stops,
}

impl StopAt {
    fn is_met_by(self, defect: Defect) -> bool {
        match self {
            Self::Exhausted => false,
            Self::Any => true,
            Self::Found(wanted) => wanted == defect,
        }
    }
}

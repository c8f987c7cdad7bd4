//! From what a search has found to what is shown: smaller, explained, and run once more with a log.

use std::time::Instant;

use mapi_sync_engine::shrink::{Cause, Trial, explain};

use super::execution::Execution;
use super::repeat::uncontrolled;
use super::search::{Candidate, OutsideTask, SearchSummary};
use super::watchdog::{Watch, Work};
use super::why::{DecisiveStep, Why, can_explain, in_words};
use super::{Check, Completion, Counterexample, Defect};
use crate::defect::defects;
use crate::engine::{End, Engine, Limits, TaskId};
use crate::shrink::{TrialBudget, TrialRunner, shrink};
use crate::world::{Changes, Knob, World};

/// What making one counterexample smaller may take. It is counted in executions and steps, so that
/// the result is the same on every machine.
const SHRINK: TrialBudget = TrialBudget { executions: 20_000, steps: 3_000_000 };

/// What explaining one may take.
const EXPLAIN: TrialBudget = TrialBudget { executions: 2_000, steps: 1_000_000 };

/// What both may take.
const MOST: u32 = SHRINK.executions + EXPLAIN.executions;

/// How often an execution is run again if it does not show what it is kept for.
const ATTEMPTS: u32 = 16;

/// A counterexample is being made smaller, or explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shrinking {
    /// What it shows.
    pub defect: Defect,
    /// How many executions that has taken.
    pub executions: u32,
    /// How many it may take at most.
    pub most: u32,
}

/// What came of making a candidate smaller.
#[derive(Default)]
struct Smaller {
    /// The candidate, with how its scenario differs. `None` if it is to be shown as it is.
    candidate: Option<(Changes, Candidate)>,
    executions: u32,
    shrinking: Completion,
    explaining: Completion,
    /// What decides, if all that could was tried.
    cause: Option<Option<Cause>>,
}

/// Says when it is enough.
struct Patience<'a> {
    watch: &'a Watch,
    deadline: Option<Instant>,
}

impl Patience<'_> {
    fn is_out_of_time(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn goes_on(&self) -> bool {
        !self.watch.control.is_interrupted() && !self.is_out_of_time()
    }

    /// How far a runner came that has ended.
    fn completion(&self, runner: &TrialRunner<'_>) -> Completion {
        if !runner.is_over() {
            Completion::Complete
        } else if self.watch.control.is_interrupted() {
            Completion::Interrupted
        } else if self.is_out_of_time() {
            Completion::OutOfTime
        } else {
            Completion::OutOfBudget
        }
    }
}

impl Check {
    pub(super) fn counterexamples(
        &self,
        summary: &mut SearchSummary,
        watch: &Watch,
        tell: &mut dyn FnMut(Shrinking),
    ) -> Vec<Counterexample> {
        self.drop_outside(summary, watch);
        // What is not under control becomes neither smaller nor explained.
        let shrinks = !summary.has(Defect::Nondeterminism);
        let mut shown: Vec<Counterexample> = Vec::new();
        let now = Instant::now();
        let deadline = self.shrink_time.and_then(|limit| now.checked_add(limit));
        let patience = Patience { watch, deadline };
        for candidate in &summary.found {
            if shown.iter().all(|shown| !shown.defects.contains(&candidate.defect)) {
                let smaller = if shrinks {
                    self.smaller(candidate, &shown, &patience, tell)
                } else {
                    Smaller::default()
                };
                let mut counterexample = match smaller.candidate {
                    Some((changes, candidate)) => self.clone().changes(changes).witness(
                        candidate,
                        smaller.cause,
                        &shown,
                        watch,
                    ),
                    None => self.witness(candidate.clone(), None, &shown, watch),
                };
                counterexample.shrink_executions = smaller.executions;
                counterexample.shrinking = smaller.shrinking;
                counterexample.explaining = smaller.explaining;
                counterexample.found_decisions = candidate.decisions.len();
                shown.push(counterexample);
            }
        }
        join_unrepeated(&mut shown);
        lead_with_nondeterminism(&mut shown);
        shown
    }

    /// Forgets what does not show again because a thread outside took part.
    fn drop_outside(&self, summary: &mut SearchSummary, watch: &Watch) {
        if !self.outside_threads.have_woken() {
            return;
        }
        let world = self.world();
        let limits = self.engine_limits(&world);
        let mut engine = self.watched_engine(limits, Defect::Nondeterminism, watch);
        let outside = &mut summary.outside;
        summary.found.retain(|candidate| {
            (0..ATTEMPTS).any(|_| {
                let observed = world.replay(&mut engine, &candidate.decisions);
                if let End::Outside(waits) = &observed.outcome.end {
                    let (index, waits) = (candidate.index, waits.clone());
                    outside.get_or_insert(OutsideTask { index, waits });
                }
                defects(&observed).any(|defect| defect == candidate.defect)
            })
        });
        outside.get_or_insert(OutsideTask { index: 0, waits: Vec::new() });
    }

    /// Makes a candidate smaller: what comes back shows the same defect, but is a candidate of what
    /// that follows from, if no counterexample `before` shows it.
    fn smaller(
        &self,
        candidate: &Candidate,
        before: &[Counterexample],
        patience: &Patience<'_>,
        tell: &mut dyn FnMut(Shrinking),
    ) -> Smaller {
        if !self.shrinks || !can_explain(candidate.defect) {
            return Smaller::default();
        }
        let defect = candidate.defect;
        let make = |changes: &Changes| {
            let world = self.world_of(changes.apply(&self.scenario)?);
            let limits = self.engine_limits(&world);
            // Only exact time shows that a bound in time is broken.
            let exact = if defect.bounds_time() { limits.with_late_percent(0) } else { limits };
            Some((world, exact))
        };
        let world = self.world();
        let mut runner = TrialRunner {
            make: &make,
            sees: self.sees(),
            defect,
            engine: self.watched_engine(self.engine_limits(&world), defect, patience.watch),
            left: SHRINK,
            stopped: false,
            goes_on: &mut |left| {
                let executions = SHRINK.executions - left;
                tell(Shrinking { defect, executions, most: MOST });
                patience.goes_on()
            },
        };
        let account = self.account_of(&world, candidate, patience.watch);
        let first = runner.in_world(&world).decisions(&candidate.decisions);
        let shrunk = first.and_then(|first| {
            shrink(&mut runner, &self.scenario, self.changes.clone(), first, account)
        });
        let shrinking = patience.completion(&runner);
        let executions = SHRINK.executions - runner.left.executions;
        let again = shrunk.and_then(|shrunk| Some((make(&shrunk.changes)?, shrunk)));
        let Some(((world, limits), shrunk)) = again else {
            return Smaller { shrinking, ..Smaller::default() };
        };
        let mut engine = self.watched_engine(limits, defect, patience.watch);
        let observed = world.replay(&mut engine, &shrunk.witness.decisions);
        let execution = Execution::new(world.scenario(), observed, &engine);
        let defect = execution.leading(defect, |other| is_new(other, before));
        let mut runner = TrialRunner {
            make: &make,
            sees: self.sees(),
            defect,
            engine,
            left: EXPLAIN,
            stopped: false,
            goes_on: &mut |left| {
                let executions = MOST - left;
                tell(Shrinking { defect, executions, most: MOST });
                patience.goes_on()
            },
        };
        let cause = explain(&mut runner.in_world(&world), &shrunk.witness);
        let explaining = patience.completion(&runner);
        let cause = (explaining == Completion::Complete).then_some(cause);
        let candidate =
            Candidate { defect, decisions: shrunk.witness.decisions, ..candidate.clone() };
        let candidate = Some((shrunk.changes, candidate));
        Smaller { candidate, executions, shrinking, explaining, cause }
    }

    /// An engine for executions on behalf of a counterexample.
    fn watched_engine(&self, limits: Limits, defect: Defect, watch: &Watch) -> Engine {
        let mut engine = self.strategy_engine(limits);
        watch.engine(&mut engine, Work::Counterexample(defect));
        engine
    }

    /// The account that a candidate's defect is in, as the scenario counts them.
    fn account_of(&self, world: &World, candidate: &Candidate, watch: &Watch) -> Option<u32> {
        let limits = self.engine_limits(world);
        let mut engine = self.watched_engine(limits, candidate.defect, watch);
        let observed = world.replay(&mut engine, &candidate.decisions);
        let finding = observed
            .violations
            .iter()
            .find(|finding| Defect::Rule(finding.violation.rule) == candidate.defect)?;
        let there = |number: &u32| !self.changes.iter().any(|c| c == (Knob::Account(*number), 0));
        (0..).filter(there).nth(finding.account)
    }

    /// Runs a candidate again with the log on, and checks that it shows what it should.
    fn witness(
        &self,
        candidate: Candidate,
        cause: Option<Option<Cause>>,
        before: &[Counterexample],
        watch: &Watch,
    ) -> Counterexample {
        let Candidate { defect, index, decisions, message } = candidate;
        let hint = uncontrolled(self.is_of_program());
        let world = self.world();
        let mut engine = self.watched_engine(self.engine_limits(&world), defect, watch);
        let mut run = || {
            let observed = world.replay(&mut engine, &decisions);
            Execution::new(world.scenario(), observed, &engine)
        };
        let mut execution = run();
        let mut first = execution.leading(defect, |other| is_new(other, before));
        if let Some(message) = message {
            first = defect;
            execution.add_first(defect, format!("{message}. {hint}"));
        } else if execution.breach(defect).is_none() {
            first = Defect::Nondeterminism;
            let mut showing = 0;
            for _ in 1..ATTEMPTS {
                let another = run();
                if another.breach(defect).is_some() {
                    showing += 1;
                    execution = another;
                }
            }
            if self.outside_threads.have_woken() {
                first = defect;
            }
            let seen = format!(
                "an execution showed `{defect}`, and of {ATTEMPTS} more under the same decisions \
                 {showing} did"
            );
            if first != defect {
                execution.add_first(first, format!("{seen}. {hint}"));
            }
        }
        let second = self.watched_engine(self.engine_limits(&world), defect, watch);
        execution.find_places(&world, second, &decisions);
        // An execution that did not come again is shown even if another one did not either.
        let new = |defect: &Defect| *defect == first || is_new(*defect, before);
        let mut defects: Vec<Defect> =
            execution.breaches.iter().map(|breach| breach.defect).filter(new).collect();
        // What it was looked for comes first, or what that follows from.
        defects.sort_by_key(|found| *found != first);
        // What decides was found out for a defect that this execution does not show.
        let cause = cause.filter(|_| first == defect);
        let why =
            cause.map(|cause| cause.map_or(Why::Several, |cause| why(cause, &execution, &engine)));
        let prefix = engine.prefix_digest();
        // What is gone must be gone when it is shown, too.
        let without = why.as_ref().and_then(Why::without).map(|decisions| {
            let observed = world.replay(&mut engine, decisions);
            Box::new(Execution::new(world.scenario(), observed, &engine))
        });
        let without = without.filter(|execution| execution.breach(defect).is_none());
        Counterexample {
            why,
            without,
            index,
            defects,
            execution,
            subject: self.subject(),
            scenario: self.scenario.clone(),
            found_decisions: decisions.len(),
            decisions,
            prefix,
            shrink_executions: 0,
            shrinking: Completion::NotTried,
            explaining: Completion::NotTried,
        }
    }
}

/// Whether no counterexample shows this defect.
fn is_new(defect: Defect, before: &[Counterexample]) -> bool {
    before.iter().all(|shown| !shown.defects.contains(&defect))
}

/// Keeps one counterexample of those whose first defect is nondeterminism. Its message names what
/// the others showed.
fn join_unrepeated(shown: &mut Vec<Counterexample>) {
    let unrepeated =
        |shown: &Counterexample| shown.defects.first() == Some(&Defect::Nondeterminism);
    let Some(kept) = shown.iter().position(unrepeated) else { return };
    let mut others = Vec::new();
    let mut place = 0;
    shown.retain_mut(|other| {
        place += 1;
        if place - 1 <= kept || !unrepeated(other) {
            return true;
        }
        let breach = other.execution.breach(Defect::Nondeterminism);
        others.extend(breach.map(|breach| breach.message.clone()));
        // It stays for what else it shows.
        other.defects.remove(0);
        let breaches = &mut other.execution.breaches;
        breaches.retain(|breach| breach.defect != Defect::Nondeterminism);
        !other.defects.is_empty()
    });
    let hint = uncontrolled(shown[kept].execution.is_of_program);
    let breaches = &mut shown[kept].execution.breaches;
    let breach = breaches.iter_mut().find(|breach| breach.defect == Defect::Nondeterminism);
    if let Some(breach) = breach {
        for other in others {
            let other = other.strip_suffix(hint).unwrap_or(&other).trim_end().to_owned();
            breach.message = format!("{other} {}", breach.message);
        }
    }
}

/// Nondeterminism comes first, and nothing else is explained where there is some.
fn lead_with_nondeterminism(shown: &mut [Counterexample]) {
    let leads = |shown: &Counterexample| shown.defects.contains(&Defect::Nondeterminism);
    if shown.iter().any(leads) {
        shown.sort_by_key(|shown| !leads(shown));
        shown.iter_mut().for_each(|shown| shown.why = None);
    }
}

/// Names what decides in an execution, the last one of `engine`.
fn why(cause: Cause, execution: &Execution, engine: &Engine) -> Why {
    let name = |task: TaskId| execution.tasks.get(&task).cloned().unwrap_or_default();
    let step = |step: u64| DecisiveStep {
        step,
        task: usize::try_from(step)
            .ok()
            .and_then(|step| engine.trace().nth(step))
            .map_or_else(String::new, name),
        calls: execution.lines_of(step),
    };
    match cause {
        Cause::Order { first, second, moved, together, exchanged } => {
            Why::Order { first: step(first), second: step(second), moved, together, exchanged }
        }
        Cause::Decision { departure, site, tasks, without } => {
            let kind = departure.place.kind;
            let step = engine.step_of(&departure.place);
            Why::Decision { kind, what: in_words(&departure, site, tasks, name), step, without }
        }
        Cause::Nothing { others } => Why::EverySchedule { others },
        _ => Why::Several,
    }
}

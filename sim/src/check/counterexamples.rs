//! From what a search has found to what is shown: smaller, explained, and run once more with a log.

use mapi_sync_engine::shrink::{Cause, Trial, explain};

use super::execution::Execution;
use super::repeat::UNCONTROLLED;
use super::search::{Candidate, OutsideTask, SearchSummary};
use super::why::{DecisiveStep, Why, can_explain, in_words};
use super::{Check, Counterexample, Defect};
use crate::defect::defects;
use crate::engine::parallel::Control;
use crate::engine::{End, Engine, TaskId};
use crate::shrink::{TrialBudget, TrialRunner, shrink};
use crate::world::{Changes, Knob, World};

/// What making one counterexample smaller may take.
const SHRINK: TrialBudget = TrialBudget { executions: 20_000, steps: 5_000_000 };

/// What explaining one may take.
const EXPLAIN: TrialBudget = TrialBudget { executions: 2_000, steps: 1_000_000 };

/// Crates that no task of a provider's waits in.
const LIBRARIES: [&str; 2] = ["mapi_sync", "mapi_sync_sim"];

/// How often an execution is run again if it does not show what it is kept for.
const ATTEMPTS: u32 = 16;

/// A counterexample is being made smaller.
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

/// A candidate that was made smaller.
struct Smaller {
    changes: Changes,
    candidate: Candidate,
    executions: u32,
    /// What decides, if there was time to look for it.
    cause: Option<Option<Cause>>,
}

impl Check {
    pub(super) fn counterexamples(
        &self,
        summary: &mut SearchSummary,
        control: &Control,
        tell: &mut dyn FnMut(Shrinking),
    ) -> Vec<Counterexample> {
        self.drop_outside(summary);
        // What is not under control becomes neither smaller nor explained.
        let shrinks = !summary.has(Defect::Nondeterminism);
        let mut shown: Vec<Counterexample> = Vec::new();
        for candidate in &summary.found {
            if shown.iter().all(|shown| !shown.defects.contains(&candidate.defect)) {
                let found = candidate.decisions.len();
                let smaller = shrinks.then(|| self.smaller(candidate, control, tell)).flatten();
                let mut counterexample = match smaller {
                    Some(Smaller { changes, candidate, executions, cause }) => Counterexample {
                        shrink_executions: executions,
                        ..self.clone().changes(changes).witness(candidate, cause, &shown)
                    },
                    None => self.witness(candidate.clone(), None, &shown),
                };
                counterexample.found_decisions = found;
                shown.push(counterexample);
            }
        }
        join_unrepeated(&mut shown);
        lead_with_nondeterminism(&mut shown);
        shown
    }

    /// Forgets what does not show again because a thread outside took part.
    fn drop_outside(&self, summary: &mut SearchSummary) {
        if !self.outside_threads.have_woken() {
            return;
        }
        let world = self.world();
        let mut engine = self.replay_engine(&world);
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

    /// Makes a candidate smaller: what comes back shows the same defect. `None` if it is shown as
    /// it is.
    fn smaller(
        &self,
        candidate: &Candidate,
        control: &Control,
        tell: &mut dyn FnMut(Shrinking),
    ) -> Option<Smaller> {
        if !self.shrinks || !can_explain(candidate.defect) {
            return None;
        }
        let defect = candidate.defect;
        let make = |changes: &Changes| {
            let world = self.world_of(changes.apply(&self.scenario)?);
            let limits = self.engine_limits(&world);
            Some((world, limits))
        };
        let world = self.world();
        let mut runner = TrialRunner {
            make: &make,
            defect,
            engine: self.replay_engine(&world),
            left: SHRINK,
            goes_on: &mut |left| {
                let executions = SHRINK.executions - left;
                tell(Shrinking { defect, executions, most: SHRINK.executions });
                !control.is_interrupted()
            },
        };
        let account = self.account_of(&world, candidate);
        let first = runner.in_world(&world).decisions(&candidate.decisions)?;
        let shrunk = shrink(&mut runner, &self.scenario, self.changes.clone(), first, account)?;
        let executions = SHRINK.executions - runner.left.executions;
        let (world, limits) = make(&shrunk.changes)?;
        let mut runner = TrialRunner {
            make: &make,
            defect,
            engine: self.strategy_engine(limits),
            left: EXPLAIN,
            goes_on: &mut |_| !control.is_interrupted(),
        };
        let cause = explain(&mut runner.in_world(&world), &shrunk.witness);
        let cause = (!runner.is_over()).then_some(cause);
        let candidate = Candidate { decisions: shrunk.witness.decisions, ..candidate.clone() };
        Some(Smaller { changes: shrunk.changes, candidate, executions, cause })
    }

    /// The account that a candidate's defect is in, as the scenario counts them.
    fn account_of(&self, world: &World, candidate: &Candidate) -> Option<u32> {
        let observed = world.replay(&mut self.replay_engine(world), &candidate.decisions);
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
    ) -> Counterexample {
        let Candidate { defect, index, decisions, message } = candidate;
        let world = self.world();
        let mut engine = self.replay_engine(&world);
        let mut run = || {
            let observed = world.replay(&mut engine, &decisions);
            Execution::new(world.scenario(), observed, &engine)
        };
        let mut execution = run();
        let mut first = defect;
        if let Some(message) = message {
            execution.add_first(defect, format!("{message}. {UNCONTROLLED}"));
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
                execution.add_first(first, format!("{seen}. {UNCONTROLLED}"));
            }
        }
        if matches!(execution.outcome.end, End::Deadlock(_)) {
            let mut engine = self.replay_engine(&world);
            engine.find_places(&LIBRARIES);
            execution.set_places(&world.replay(&mut engine, &decisions).outcome);
        }
        // An execution that did not come again is shown even if another one did not either.
        let new = |defect: &Defect| {
            *defect == first || before.iter().all(|shown| !shown.defects.contains(defect))
        };
        let mut defects: Vec<Defect> =
            execution.breaches.iter().map(|breach| breach.defect).filter(new).collect();
        // What it was looked for comes first.
        defects.sort_by_key(|found| *found != first);
        // What decides was found out for a defect that this execution does not show.
        let cause = cause.filter(|_| first == defect);
        let why =
            cause.map(|cause| cause.map_or(Why::Several, |cause| why(cause, &execution, &engine)));
        Counterexample {
            why,
            index,
            defects,
            execution,
            subject: self.subject(),
            scenario: self.scenario.clone(),
            found_decisions: decisions.len(),
            decisions,
            prefix: engine.prefix_digest(),
            shrink_executions: 0,
        }
    }
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
    let breaches = &mut shown[kept].execution.breaches;
    let breach = breaches.iter_mut().find(|breach| breach.defect == Defect::Nondeterminism);
    if let Some(breach) = breach {
        for other in others {
            let other = other.strip_suffix(UNCONTROLLED).unwrap_or(&other).trim_end().to_owned();
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
        calls: (0..execution.calls.len()).filter(|n| execution.calls[*n].step == step).collect(),
    };
    match cause {
        Cause::Order { first, second, moved, together, exchanged } => {
            Why::Order { first: step(first), second: step(second), moved, together, exchanged }
        }
        Cause::Decision { departure, tasks, without } => {
            let kind = departure.place.kind;
            Why::Decision { kind, what: in_words(&departure, tasks, name), without }
        }
        Cause::Nothing { others } => Why::EverySchedule { others },
        _ => Why::Several,
    }
}

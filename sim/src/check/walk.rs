//! Going through an execution step by step, and leading it elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::why::decision_at;
use super::{Check, Execution, ReplayError, Subject};
use crate::decision::{Decisions, Departure, Kind, Place, Token};
use crate::engine::{Engine, TaskId, TaskKey};
use crate::world::{Question, Sort, is_cancel, is_cancel_time};

/// How many other values of one draw are offered.
const VALUES: u32 = 12;

/// An execution that can be led elsewhere at each of its steps.
///
/// ```
/// use mapi_sync_sim::{AlternativeKind, Check};
///
/// let check = Check::builtin("tiny-sync").unwrap();
/// let walk = check.walk_default();
/// let another_task = |of: &&mapi_sync_sim::Alternative| of.kind == AlternativeKind::Task;
/// let other = walk.alternatives().iter().find(another_task).unwrap();
///
/// let elsewhere = walk.take(other);
/// // Up to that step, nothing is different.
/// let before = |walk: &mapi_sync_sim::Walk| {
///     let calls = walk.execution().calls.iter();
///     calls.filter(|seen| seen.step < other.step).cloned().collect::<Vec<_>>()
/// };
/// assert_eq!(before(&walk), before(&elsewhere));
/// // A token leads there again.
/// let again = check.walk(&elsewhere.token().to_string()).unwrap();
/// assert_eq!(again.execution().calls, elsewhere.execution().calls);
/// ```
#[derive(Clone)]
pub struct Walk {
    check: Check,
    subject: Subject,
    execution: Execution,
    decisions: Decisions,
    prefix: Option<u32>,
    questions: Vec<Question>,
    alternatives: Vec<Alternative>,
}

/// Something else that could have happened at a step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alternative {
    /// The step, from 0.
    pub step: u64,
    /// Its sort.
    pub kind: AlternativeKind,
    /// What would happen, in words.
    pub what: String,
    /// The number of its question, and the answer.
    question: usize,
    value: u64,
}

/// The sort of an alternative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AlternativeKind {
    /// Another task takes the step, or the clock moves.
    Task,
    /// A fault strikes, or does not.
    Fault,
    /// The user cancels, or does not.
    Cancel,
    /// A task is dropped, or is not.
    Drop,
    /// Another value is drawn.
    Draw,
    /// Something takes longer or shorter, or comes in another order: a late sleep, a timer, a
    /// wake that nobody caused, a task that runs early.
    Timing,
}

impl fmt::Debug for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, execution, decisions, alternatives, .. } = self;
        f.debug_struct("Walk")
            .field("subject", subject)
            .field("execution", execution)
            .field("decisions", decisions)
            .field("alternatives", alternatives)
            .finish_non_exhaustive()
    }
}

impl AlternativeKind {
    /// Its name, one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Fault => "fault",
            Self::Cancel => "cancel",
            Self::Drop => "drop",
            Self::Draw => "draw",
            Self::Timing => "timing",
        }
    }

    const fn of(place: &Place) -> Self {
        match place.kind {
            Kind::Run => Self::Task,
            Kind::Fault => Self::Fault,
            Kind::Drop | Kind::DropWaiting => Self::Drop,
            Kind::Choice if is_cancel(place.site) => Self::Cancel,
            Kind::Choice => Self::Draw,
            _ => Self::Timing,
        }
    }
}

impl Check {
    /// The execution of a token that a check like this one gave, to go through.
    ///
    /// # Errors
    ///
    /// As [`replay`](Self::replay).
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run) does.
    pub fn walk(&self, token: &str) -> Result<Walk, ReplayError> {
        let (check, subject, token) = self.for_token(token)?;
        Ok(Walk::new(check, subject, token.decisions))
    }

    /// The execution in which everything is decided by default, to go through.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run) does.
    #[must_use]
    pub fn walk_default(&self) -> Walk {
        self.walk_of(Decisions::default())
    }

    /// One of the executions that a search by this check's strategy and seed runs, by its number
    /// from 0, to go through. `None` if there are not that many.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run) does.
    #[must_use]
    pub fn walk_schedule(&self, index: u64) -> Option<Walk> {
        let check = self.with_new_engines();
        let world = check.world();
        let mut engine = check.replay_engine(&world);
        world.run(&mut engine, index)?;
        Some(self.walk_of(engine.decisions()))
    }

    fn walk_of(&self, decisions: Decisions) -> Walk {
        Walk::new(self.with_new_engines(), self.subject(), decisions)
    }
}

impl Walk {
    fn new(check: Check, subject: Subject, decisions: Decisions) -> Self {
        let world = check.world();
        let mut engine = check.replay_engine(&world);
        let (observed, questions) = world.replay_asked(&mut engine, &decisions);
        let mut execution = Execution::new(world.scenario(), observed, &engine);
        // What was asked for and not taken is no part of where this is.
        let decisions = engine.decisions();
        let prefix = engine.prefix_digest();
        let alternatives = alternatives(&questions, &execution, &engine);
        execution.find_places(&world, check.replay_engine(&world), &decisions);
        Self { check, subject, execution, decisions, prefix, questions, alternatives }
    }

    /// The execution.
    #[must_use]
    pub fn execution(&self) -> &Execution {
        &self.execution
    }

    /// What it is an execution of.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// All that could have happened otherwise, by ascending step.
    #[must_use]
    pub fn alternatives(&self) -> &[Alternative] {
        &self.alternatives
    }

    /// Those of one step.
    #[must_use]
    pub fn alternatives_at(&self, step: u64) -> &[Alternative] {
        let from = self.alternatives.partition_point(|other| other.step < step);
        let to = self.alternatives.partition_point(|other| other.step <= step);
        &self.alternatives[from..to]
    }

    /// The token that leads here. It names the first defect, if there is one.
    #[must_use]
    pub fn token(&self) -> Token {
        let decisions = self.decisions.clone();
        let token = match self.execution.breaches.first() {
            Some(breach) => self.subject.token_of(breach.defect, decisions),
            None => self.subject.token(decisions),
        };
        token.with_prefix(self.prefix)
    }

    /// The execution in which this alternative is taken: the same up to there, and decided by
    /// default from there on.
    ///
    /// # Panics
    ///
    /// As [`Check::run`] does, and if the alternative is one of a longer execution.
    #[must_use]
    pub fn take(&self, alternative: &Alternative) -> Self {
        let question = &self.questions[alternative.question];
        let before: BTreeSet<Place> =
            self.questions[..alternative.question].iter().map(|asked| asked.place).collect();
        let departures = self.decisions.departures().iter().copied();
        let mut departures: Vec<Departure> =
            departures.filter(|departure| before.contains(&departure.place)).collect();
        let default = match &question.sort {
            Sort::Task { default, .. } => default.get(),
            Sort::Value { .. } => 0,
        };
        if alternative.value != default {
            departures.push(Departure { place: question.place, value: alternative.value });
        }
        self.with(Decisions::new(departures))
    }

    /// The execution in which the user cancels at this time, in virtual milliseconds, or as soon
    /// after it as the scenario lets a user do that. All else is decided as in this one. `None` if
    /// no user can cancel then, or if it changes what came before.
    ///
    /// # Panics
    ///
    /// As [`Check::run`] does.
    #[must_use]
    pub fn cancel_at(&self, at_ms: u64) -> Option<Self> {
        let asks = |asked: &&Question| is_cancel(asked.place.site);
        let place = self.questions.iter().find(asks)?.place;
        let with = |also: &[Departure]| {
            let is_changed = |place: &Place| also.iter().any(|other| other.place == *place);
            let kept = self.decisions.departures().iter().copied();
            let kept = kept.filter(|departure| !is_changed(&departure.place));
            self.with(kept.chain(also.iter().copied().filter(|new| new.value != 0)).collect())
        };
        let cancels = Departure { place, value: 1 };
        let first = with(&[cancels]);
        // When the earliest cancel comes follows from how long its user sleeps.
        let time = first.questions.iter().find(|asked| is_cancel_time(asked.place.site));
        let cancelled = match time {
            None => first,
            Some(Question { place, sort: Sort::Value { arity, .. } }) => {
                let (mut low, mut high) = (0, *arity - 1);
                let with_value =
                    |value: u32| with(&[cancels, Departure { place: *place, value: value.into() }]);
                // The values ascend, so the least that is not too early is found by halving.
                while low < high {
                    let middle = low + (high - low) / 2;
                    if with_value(middle).sleeps_until(place.task) < Some(at_ms) {
                        low = middle + 1;
                    } else {
                        high = middle;
                    }
                }
                with_value(low)
            }
            Some(_) => return None,
        };
        let before = |walk: &Self| {
            let calls = walk.execution.calls.iter();
            let calls = calls.take_while(|seen| seen.call.at_ms < at_ms);
            calls.map(|seen| (seen.account, seen.call.call.clone())).collect::<Vec<_>>()
        };
        (before(self) == before(&cancelled)).then_some(cancelled)
    }

    /// Until when the task with this key sleeps first.
    fn sleeps_until(&self, key: TaskKey) -> Option<u64> {
        let tasks = self.questions.iter().filter_map(|asked| match &asked.sort {
            Sort::Task { could, .. } => could.iter().find(|(_, other)| *other == key),
            Sort::Value { .. } => None,
        });
        let task = tasks.map(|(task, _)| *task).next()?;
        let own = self.execution.segments.iter().filter(|note| note.task == task);
        own.filter_map(|note| note.sleeps_until).next()
    }

    fn with(&self, decisions: Decisions) -> Self {
        Self::new(self.check.with_new_engines(), self.subject.clone(), decisions)
    }
}

/// What could have been answered otherwise in the last execution of `engine`.
fn alternatives(
    questions: &[Question],
    execution: &Execution,
    engine: &Engine,
) -> Vec<Alternative> {
    let answers: BTreeMap<Place, (u64, u32)> =
        engine.asked().into_iter().map(|asked| (asked.place, (asked.step, asked.value))).collect();
    let mut found = Vec::new();
    for (question, Question { place, sort }) in questions.iter().enumerate() {
        let kind = AlternativeKind::of(place);
        match sort {
            Sort::Task { step, could, taken, .. } => {
                for (task, key) in could.iter().filter(|(task, _)| task != taken) {
                    let what = match *task {
                        TaskId::CLOCK => "the clock moves".to_owned(),
                        task => format!("`{}` runs", execution.task_name(task)),
                    };
                    let value = key.get();
                    found.push(Alternative { step: *step, kind, what, question, value });
                }
            }
            Sort::Value { is_spent: true, .. } => {}
            Sort::Value { arity, .. } => {
                // An answer that the engine gave in the strategy's place is not open.
                let Some((step, taken)) = answers.get(place).copied() else { continue };
                let name = engine
                    .task_with_key(place.task)
                    .map_or("the clock", |task| execution.task_name(task));
                let site = engine.site_name(place.site);
                let words = |value: u32| {
                    let departure = Departure { place: *place, value: value.into() };
                    decision_at(&departure, site, name, "")
                };
                for value in others(taken, *arity) {
                    let what = match place.kind {
                        Kind::Choice => words(value),
                        _ if value == 0 => format!("not: {}", words(taken)),
                        _ => words(value),
                    };
                    found.push(Alternative { step, kind, what, question, value: value.into() });
                }
            }
        }
    }
    found.sort_by_key(|other| (other.step, other.kind));
    found
}

/// Values below `arity` to offer besides the one that was taken: all of few; of many, the first,
/// the last, and some between.
fn others(taken: u32, arity: u32) -> Vec<u32> {
    let values: Vec<u32> = if arity <= VALUES {
        (0..arity).collect()
    } else {
        let spread = |part: u32| u64::from(arity - 1) * u64::from(part) / u64::from(VALUES - 1);
        (0..VALUES).map(|part| u32::try_from(spread(part)).unwrap_or(u32::MAX)).collect()
    };
    values.into_iter().filter(|value| *value != taken).collect()
}

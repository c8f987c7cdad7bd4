//! The decision vector: a schedule, its times, faults and data as one value.
//!
//! An execution asks many questions; most are answered by the default (carry on, 0, no fault). Only
//! departures from the default are kept. Each is keyed by *where* it was taken, in terms that do
//! not change when another decision does: the asking task's [key](TaskKey), and how many questions
//! of that sort the task had asked before. So deleting an entry leaves the others in place, and
//! that is what makes schedules shrinkable.
//!
//! Decoding is total: an entry that is never asked for is ignored, an answer that is impossible
//! counts as the default. Any vector is a schedule of any program.
//!
//! [`Token`] is the printable form.

mod token;

use std::collections::BTreeMap;

pub use token::{Token, TokenError, TokenFormat, TokenReader, write_number};

pub use crate::log::Kind;
use crate::log::{Answer, LogStep};
use crate::{Engine, TaskId, TaskKey};

/// Where a decision was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Its sort.
    pub kind: Kind,
    /// The task that ran last ([`Kind::Run`], [`Kind::Spurious`]), that asked, that was to be
    /// polled ([`Kind::Drop`]), or that has been ([`Kind::DropWaiting`]).
    pub task: TaskKey,
    /// The hash of the [site](crate::Site)'s name; 0 where there is none.
    pub site: u32,
    /// For [`Kind::Run`], how many segments `task` had run; otherwise how many decisions of this
    /// kind, task and site came before.
    pub ordinal: u32,
}

/// A departure from the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Departure {
    /// Where.
    pub place: Place,
    /// The picked task's [key as a number](TaskKey::get) for [`Kind::Run`], otherwise the value,
    /// never 0.
    pub value: u64,
}

/// A departure that is no context switch, and when it was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered {
    /// How many questions had been asked before.
    pub before: usize,
    /// The step in which it was asked, or before which, from 0.
    pub step: u64,
    /// What was decided.
    pub departure: Departure,
}

/// An answer to a question that is no context switch, be it the default or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked {
    /// The step in which it was asked, or before which, from 0.
    pub step: u64,
    /// Where.
    pub place: Place,
    /// The answer; 0 is the default.
    pub value: u32,
}

/// An execution's departures from the default, in the order in which they were taken. Empty is the
/// default schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decisions {
    departures: Vec<Departure>,
}

impl Decisions {
    /// These departures.
    #[must_use]
    pub fn new(departures: Vec<Departure>) -> Self {
        Self { departures }
    }

    /// The departures, in order.
    #[must_use]
    pub fn departures(&self) -> &[Departure] {
        &self.departures
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.departures.len()
    }

    /// Whether this is the default schedule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.departures.is_empty()
    }

    /// Whether any work is late.
    #[must_use]
    pub fn has_late_work(&self) -> bool {
        self.departures.iter().any(|departure| departure.place.kind == Kind::Late)
    }

    /// These decisions with all work in time.
    #[must_use]
    pub fn without_late_work(&self) -> Self {
        let in_time = |departure: &&Departure| departure.place.kind != Kind::Late;
        self.departures.iter().filter(in_time).copied().collect()
    }

    fn from_log(log: &[LogStep], answers: &[Answer], keys: impl Fn(TaskId) -> TaskKey) -> Self {
        let key = |task: TaskId| key_of(task, &keys);
        let mut departures = Vec::new();
        let mut segments: BTreeMap<TaskId, u32> = BTreeMap::new();
        let mut current = TaskId::MAIN;
        let mut answers = of_answers(answers, key).peekable();
        for (number, (task, departed)) in (0..).zip(LogStep::settled(log)) {
            if departed {
                let ordinal = segments.get(&current).copied().unwrap_or(0);
                let place = Place { kind: Kind::Run, task: key(current), site: 0, ordinal };
                departures.push(Departure { place, value: key(task).get() });
            }
            current = task;
            *segments.entry(current).or_default() += 1;
            while let Some(answer) = answers.next_if(|answer| answer.step <= number) {
                departures.extend(answer.departure());
            }
        }
        Self { departures }
    }
}

impl Engine {
    /// The decisions of the last execution: its departures from the default.
    #[must_use]
    pub fn decisions(&self) -> Decisions {
        let keys = self.keys();
        Decisions::from_log(self.log(), self.answers(), |task| keys[task.index()])
    }

    /// The decisions of the last execution but for context switches, in order.
    #[must_use]
    pub fn answered(&self) -> Vec<Answered> {
        let keys = self.keys();
        let key = |task: TaskId| key_of(task, |task| keys[task.index()]);
        let answers = of_answers(self.answers(), key).enumerate();
        let departed = |(before, answer): (usize, Given)| {
            Some(Answered { before, step: answer.step, departure: answer.departure()? })
        };
        answers.filter_map(departed).collect()
    }

    /// The answers of the last execution but for context switches, the defaults among them, in
    /// order.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        let keys = self.keys();
        let key = |task: TaskId| key_of(task, |task| keys[task.index()]);
        let answers = of_answers(self.answers(), key);
        answers.map(|Given { step, place, value }| Asked { step, place, value }).collect()
    }

    /// The step of the last execution in which a question was answered; for a switch, the step that
    /// it switched to. `None` if it was not asked.
    #[must_use]
    pub fn step_of(&self, place: &Place) -> Option<u64> {
        let keys = self.keys();
        let key = |task: TaskId| key_of(task, |task| keys[task.index()]);
        if place.kind == Kind::Run {
            let own = |(_, task): &(u64, TaskId)| key(*task) == place.task;
            let mut steps = (1..).zip(self.trace()).filter(own).map(|(next, _)| next);
            // None of its steps: before the first step of all.
            return match place.ordinal.checked_sub(1) {
                Some(before) => steps.nth(before as usize),
                None => Some(0),
            };
        }
        of_answers(self.answers(), key).find(|answer| answer.place == *place).map(|a| a.step)
    }
}

/// A task's key; the clock has one of its own.
fn key_of(task: TaskId, keys: impl Fn(TaskId) -> TaskKey) -> TaskKey {
    if task == TaskId::CLOCK { TaskKey::CLOCK } else { keys(task) }
}

/// An answer that was given.
struct Given {
    step: u64,
    place: Place,
    value: u32,
}

impl Given {
    /// How it departs from the default, if it does.
    fn departure(&self) -> Option<Departure> {
        let Self { place, value, .. } = *self;
        (value != 0).then_some(Departure { place, value: u64::from(value) })
    }
}

/// The answers with their places.
fn of_answers(answers: &[Answer], key: impl Fn(TaskId) -> TaskKey) -> impl Iterator<Item = Given> {
    let mut asked: BTreeMap<(Kind, TaskId, u32), u32> = BTreeMap::new();
    answers.iter().map(move |answer| {
        let Answer { step, kind, task, site, value } = *answer;
        let count = asked.entry((kind, task, site)).or_default();
        let place = Place { kind, task: key(task), site, ordinal: *count };
        *count += 1;
        Given { step, place, value }
    })
}

impl FromIterator<Departure> for Decisions {
    fn from_iter<I: IntoIterator<Item = Departure>>(iter: I) -> Self {
        Self { departures: iter.into_iter().collect() }
    }
}

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
use std::mem;

pub use token::{Token, TokenError, TokenFormat, TokenReader, write_number};

use crate::engine::{TaskId, TaskKey, default_of_few};

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Which task runs next, or that the clock moves.
    Run,
    /// A value.
    Choice,
    /// That a fault strikes.
    Fault,
    /// That a task is dropped at its await point instead of polled.
    Drop,
    /// That a task is polled without having been woken.
    Spurious,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Run, Self::Choice, Self::Fault, Self::Drop, Self::Spurious];
}

/// Where a decision was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Its sort.
    pub kind: Kind,
    /// The task that ran last ([`Kind::Run`], [`Kind::Spurious`]), that asked, or that was to be
    /// polled ([`Kind::Drop`]).
    pub task: TaskKey,
    /// The hash of the [site](crate::engine::Site)'s name; 0 where there is none.
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

/// An execution's departures from the default, in the order in which they were taken. Empty is the
/// plain run.
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

    /// Whether this is the plain run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.departures.is_empty()
    }

    pub(crate) fn from_log(
        log: &[Step],
        answers: &[Answer],
        keys: impl Fn(TaskId) -> TaskKey,
    ) -> Self {
        let key = |task: TaskId| if task == TaskId::CLOCK { TaskKey::CLOCK } else { keys(task) };
        let mut departures = Vec::new();
        let mut segments: BTreeMap<TaskId, u32> = BTreeMap::new();
        let mut asked: BTreeMap<(Kind, TaskId, u32), u32> = BTreeMap::new();
        let mut current = TaskId::MAIN;
        let mut answers = answers.iter().peekable();
        for (number, (task, departed)) in (0..).zip(Step::settled(log)) {
            if departed {
                let ordinal = segments.get(&current).copied().unwrap_or(0);
                let place = Place { kind: Kind::Run, task: key(current), site: 0, ordinal };
                departures.push(Departure { place, value: key(task).get() });
            }
            current = task;
            *segments.entry(current).or_default() += 1;
            while let Some(answer) = answers.next_if(|answer| answer.step <= number) {
                let Answer { kind, task, site, value, .. } = *answer;
                let count = asked.entry((kind, task, site)).or_default();
                if value != 0 {
                    let place = Place { kind, task: key(task), site, ordinal: *count };
                    departures.push(Departure { place, value: u64::from(value) });
                }
                *count += 1;
            }
        }
        Self { departures }
    }
}

impl FromIterator<Departure> for Decisions {
    fn from_iter<I: IntoIterator<Item = Departure>>(iter: I) -> Self {
        Self { departures: iter.into_iter().collect() }
    }
}

/// One step of an execution's log: whose it was, and whether by default, or how to tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// The task's number, which stays below the highest bit. That one says that the step departed.
    run: u32,
    /// If not 0, a bit for each task that could run, from which it follows whether the step
    /// departed. It costs less to write down than to find out, and it is asked of few
    /// executions.
    ready: u64,
}

impl Step {
    const DEPARTED: u32 = 1 << 31;

    /// A segment of a task.
    #[inline]
    pub(crate) fn of(task: TaskId, departed: bool) -> Self {
        Self { run: task.0 | if departed { Self::DEPARTED } else { 0 }, ready: 0 }
    }

    /// A move of the clock: all ones but for the highest bit, which no task has.
    pub(crate) fn clock(departed: bool) -> Self {
        Self::of(TaskId(TaskId::CLOCK.0 & !Self::DEPARTED), departed)
    }

    /// A segment of one of the tasks that could run.
    #[inline]
    pub(crate) fn among(ready: u64, task: TaskId) -> Self {
        Self { run: task.0, ready }
    }

    pub(crate) fn task(self) -> TaskId {
        let low = self.run & !Self::DEPARTED;
        if low == !Self::DEPARTED { TaskId::CLOCK } else { TaskId(low) }
    }

    /// The steps of a log from its beginning on: whose each was, and whether it departed from the
    /// default.
    pub(crate) fn settled(log: &[Self]) -> impl Iterator<Item = (TaskId, bool)> {
        let mut last = TaskId::MAIN;
        log.iter().map(move |step| {
            let task = step.task();
            let current = mem::replace(&mut last, task);
            let departed = match step.ready {
                0 => step.run & Self::DEPARTED != 0,
                ready => default_of_few(ready, current) != task,
            };
            (task, departed)
        })
    }
}

/// One answer of an execution's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The step in which it was given, or before which.
    pub(crate) step: u64,
    pub(crate) kind: Kind,
    pub(crate) task: TaskId,
    pub(crate) site: u32,
    pub(crate) value: u32,
}

impl Answer {
    pub(crate) fn bits(&self) -> u64 {
        let place = self.step.rotate_left(40) ^ u64::from(self.task.0) << 3 ^ self.kind as u64;
        crate::engine::mix(place ^ u64::from(self.site).rotate_left(17)) ^ u64::from(self.value)
    }
}

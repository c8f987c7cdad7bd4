//! The log of an execution: its steps, and the answers to its questions.

use std::mem;

use super::id::{TaskId, mix};
use super::ready::default_of_few;

/// What was decided.
///
/// The numbers are part of every token and of the executions' fingerprints: append only.
#[repr(u8)]
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Which task runs next, or that the clock moves.
    Run = 0,
    /// A value.
    Choice = 1,
    /// That a fault strikes.
    Fault = 2,
    /// That a task is dropped at its await point instead of polled.
    Drop = 3,
    /// That a task is polled without having been woken.
    Spurious = 4,
    /// That a task that begins to wait is dropped before it runs again.
    DropWaiting = 5,
    /// By how many per cent of its length a sleep is late.
    Late = 6,
    /// Which of the due timers of one task fires alone, before the task is polled.
    Timer = 7,
    /// How many segments a new task runs before its `spawn` returns.
    Early = 8,
}

impl Kind {
    pub(crate) const ALL: [Self; 9] = [
        Self::Run,
        Self::Choice,
        Self::Fault,
        Self::Drop,
        Self::Spurious,
        Self::DropWaiting,
        Self::Late,
        Self::Timer,
        Self::Early,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Run => "switch",
            Self::Choice => "choice",
            Self::Fault => "fault",
            Self::Drop => "drop",
            Self::Spurious => "spurious",
            Self::DropWaiting => "drop-waiting",
            Self::Late => "late",
            Self::Timer => "timer",
            Self::Early => "early",
        }
    }
}

/// One step of an execution's log: its task, and whether it departed from the default.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogStep {
    /// The task's number, which stays below the highest bit. That bit marks a departure.
    run: u32,
    /// If not 0, a bit for each task that could run. Whether the step departed follows from it,
    /// and is decoded lazily: only failing executions need it.
    ready: u64,
}

impl LogStep {
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

    /// The steps of a log from its beginning on: the task of each, and whether it departed from the
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
        mix(place ^ u64::from(self.site).rotate_left(17)) ^ u64::from(self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens that people keep hold these numbers.
    #[test]
    fn kinds_keep_their_numbers() {
        let numbers = Kind::ALL.map(|kind| kind as u8);
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!([Kind::Run as u8, Kind::Choice as u8, Kind::Fault as u8], [0, 1, 2]);
        assert_eq!([Kind::Drop as u8, Kind::Spurious as u8, Kind::DropWaiting as u8], [3, 4, 5]);
        assert_eq!([Kind::Late as u8, Kind::Timer as u8, Kind::Early as u8], [6, 7, 8]);
    }
}

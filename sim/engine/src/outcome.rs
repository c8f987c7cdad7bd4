//! What an execution may use, and how it ended.

use std::fmt;
use std::panic;
use std::sync::Once;

use super::id::TaskId;
use super::{context, fatal, yield_flag};

/// What one execution may use.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Poll segments and clock moves. An execution that has had them goes on in rounds, in which
    /// every task and the clock have a turn, until it ends. It counts as a livelock if the rounds
    /// bring nothing, or use up the budget once more; they are no part of its steps.
    pub max_steps: u64,
    /// Virtual milliseconds before the execution counts as a livelock.
    pub max_virtual_ms: u64,
    /// How far ahead of ready tasks the clock may run, in virtual milliseconds. At 0 it moves only
    /// when no task can run.
    pub skew_ms: u64,
    /// How many faults may strike.
    pub faults: u32,
    /// How many tasks may be dropped at an await point by decision.
    pub drops: u32,
    /// How many tasks may be polled without having been woken.
    pub spurious: u32,
    /// Whether the main task is among those that may be dropped.
    pub main_droppable: bool,
    /// Whether a task may also be dropped while it waits. Without this, one that waits is dropped
    /// only once it could run again.
    pub drops_waiting: bool,
    /// By how many per cent of its length [`work`](super::work) may be late at most. At 0 it is
    /// exact, as [`sleep`](super::sleep) always is.
    pub late_percent: u32,
    /// Whether several due timers of one task may fire one by one, in any order, with a poll of
    /// the task after each. Without this, all fire before the task is polled.
    pub timers_apart: bool,
    /// How many segments a task that [may run early](super::Builder::early) runs before its
    /// `spawn` returns, at most.
    pub early_segments: u32,
    /// Whether an execution that has used up its budget of steps goes on in rounds before it
    /// counts as a livelock.
    pub ends_fairly: bool,
    /// Whether an execution ends with its main task, as a runtime that is shut down. The tasks
    /// that are left are dropped then, as if all of them were in the
    /// [background](super::Builder::background).
    pub ends_with_main: bool,
}

impl Default for Limits {
    /// A hundred thousand steps, a virtual day, exact time, no faults.
    fn default() -> Self {
        Self {
            max_steps: 100_000,
            max_virtual_ms: 24 * 60 * 60 * 1000,
            skew_ms: 0,
            faults: 0,
            drops: 0,
            spurious: 0,
            main_droppable: false,
            drops_waiting: false,
            late_percent: 0,
            timers_apart: false,
            early_segments: 0,
            ends_fairly: true,
            ends_with_main: false,
        }
    }
}

impl Limits {
    /// These limits with another budget of steps.
    #[must_use]
    pub const fn with_max_steps(self, max_steps: u64) -> Self {
        Self { max_steps, ..self }
    }

    /// These limits with another budget of virtual time, in milliseconds.
    #[must_use]
    pub const fn with_max_virtual_ms(self, max_virtual_ms: u64) -> Self {
        Self { max_virtual_ms, ..self }
    }

    /// These limits with a clock that may run this many virtual milliseconds ahead of ready tasks.
    #[must_use]
    pub const fn with_skew_ms(self, skew_ms: u64) -> Self {
        Self { skew_ms, ..self }
    }

    /// These limits with at most this many faults.
    #[must_use]
    pub const fn with_faults(self, faults: u32) -> Self {
        Self { faults, ..self }
    }

    /// These limits with at most this many tasks dropped by decision.
    #[must_use]
    pub const fn with_drops(self, drops: u32) -> Self {
        Self { drops, ..self }
    }

    /// These limits with at most this many tasks polled without having been woken.
    #[must_use]
    pub const fn with_spurious(self, spurious: u32) -> Self {
        Self { spurious, ..self }
    }

    /// These limits with a main task that may, or may not, be dropped.
    #[must_use]
    pub const fn with_main_droppable(self, main_droppable: bool) -> Self {
        Self { main_droppable, ..self }
    }

    /// These limits with drops of tasks while they wait, or without.
    #[must_use]
    pub const fn with_drops_waiting(self, drops_waiting: bool) -> Self {
        Self { drops_waiting, ..self }
    }

    /// These limits with work that may be late by this share of its length, in per cent.
    #[must_use]
    pub const fn with_late_percent(self, late_percent: u32) -> Self {
        Self { late_percent, ..self }
    }

    /// These limits with timers of one task that may fire one by one, or without.
    #[must_use]
    pub const fn with_timers_apart(self, timers_apart: bool) -> Self {
        Self { timers_apart, ..self }
    }

    /// These limits with at most this many segments of a new task before its `spawn` returns.
    #[must_use]
    pub const fn with_early_segments(self, early_segments: u32) -> Self {
        Self { early_segments, ..self }
    }

    /// These limits with rounds after the budget of steps, or with a budget that is exact.
    #[must_use]
    pub const fn with_ends_fairly(self, ends_fairly: bool) -> Self {
        Self { ends_fairly, ..self }
    }

    /// These limits for executions that end with their main task, or with their last one.
    #[must_use]
    pub const fn with_ends_with_main(self, ends_with_main: bool) -> Self {
        Self { ends_with_main, ..self }
    }
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every task but the background ones came to its end, panics included.
    Completed,
    /// No task can run, no timer is armed, and these tasks wait.
    Deadlock(Vec<Blocked>),
    /// A budget of [`Limits`] ran out.
    Livelock(Budget),
    /// These tasks wait, and a thread takes part on which no engine runs: the engine cannot tell
    /// whether they wait for ever, or for that thread.
    Outside(Vec<Blocked>),
    /// The strategy cut the execution off, because others like it have been run.
    Abandoned,
}

/// A budget that ran out.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// [`Limits::max_steps`].
    Steps,
    /// [`Limits::max_virtual_ms`].
    VirtualTime,
}

/// A task that waits for ever.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Its name.
    pub task: String,
    /// What it waits for, in words.
    pub on: String,
    /// File and line of the wait, or the function that it is in, if they are known.
    pub place: Option<String>,
    /// Whether it waits for something that the engine does not track, and somebody has its waker.
    pub is_untracked: bool,
}

impl Blocked {
    /// A task of this name that waits for that, a tracked object.
    #[must_use]
    pub fn new(task: impl Into<String>, on: impl Into<String>) -> Self {
        Self { task: task.into(), on: on.into(), place: None, is_untracked: false }
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {:?} waits for {}", self.task, self.on)?;
        match &self.place {
            Some(place) => write!(f, ", at {place}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed => f.write_str("completed"),
            Self::Deadlock(blocked) => {
                f.write_str("deadlock: ")?;
                write_blocked(f, blocked)
            }
            Self::Outside(blocked) => {
                f.write_str("waits for a thread outside: ")?;
                write_blocked(f, blocked)
            }
            Self::Livelock(Budget::Steps) => f.write_str("livelock: the budget of steps ran out"),
            Self::Livelock(Budget::VirtualTime) => {
                f.write_str("livelock: the budget of virtual time ran out")
            }
            Self::Abandoned => f.write_str("cut off by the search"),
        }
    }
}

fn write_blocked(f: &mut fmt::Formatter<'_>, blocked: &[Blocked]) -> fmt::Result {
    for (i, task) in blocked.iter().enumerate() {
        if i > 0 {
            f.write_str("; ")?;
        }
        write!(f, "{task}")?;
    }
    Ok(())
}

/// A task that panicked.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskPanic {
    /// Which.
    pub task: TaskId,
    /// Its name.
    pub name: String,
    /// The step at which it did.
    pub step: u64,
    /// The panic's text.
    pub message: String,
    /// File and line, if they are known.
    pub place: Option<String>,
    /// Whether that was before the task's `spawn` returned.
    pub early: bool,
}

impl TaskPanic {
    /// Whether these are the same, but for the steps at which tasks were dropped at the end, and
    /// their texts unless those count.
    pub(super) fn are_same(one: &[Self], other: &[Self], texts_count: bool) -> bool {
        let text = |panic: &Self| texts_count.then(|| panic.message.clone());
        let of = |panic: &Self| (panic.task, text(panic), panic.place.clone());
        one.iter().map(of).eq(other.iter().map(of))
    }
}

/// One execution, finished.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The execution's number.
    pub index: u64,
    /// How it ended.
    pub end: End,
    /// Poll segments and clock moves.
    pub steps: u64,
    /// The virtual time at the end, in milliseconds.
    pub virtual_ms: u64,
    /// How many tasks there were, the main task included.
    pub tasks: usize,
    /// The tasks that panicked, in order.
    pub panics: Vec<TaskPanic>,
    /// How many wakes came from other threads while it ran. Each wakes nothing.
    pub outside_wakes: u64,
}

impl Outcome {
    /// Whether a thread took part on which no engine runs.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        self.outside_wakes > 0 || matches!(self.end, End::Outside(_))
    }
}

/// Two runs of one program under the same decisions differed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the program is not deterministic: \
     run again under the same decisions, it departs at step {step}"
)]
#[non_exhaustive]
pub struct Nondeterminism {
    /// The first step at which they differ, counted from 0.
    pub step: u64,
}

/// Keeps panics inside of executions from being printed: they are caught and become part of the
/// outcome. Panics elsewhere go to the hook that was there before, and so do those that end the
/// process, after a line that names the task.
pub(super) fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // No panic here, whatever state the thread is in: this runs while it unwinds.
            let inside = context::CONTEXT
                .try_with(|cx| {
                    // The engine's own panics, and a strategy's, are bugs, and are not caught.
                    let inside = yield_flag::is_running();
                    if inside && fatal::cannot_unwind(info) {
                        fatal::print();
                        return false;
                    }
                    if inside {
                        fatal::remember(cx, info);
                    }
                    if inside && let Ok(mut place) = cx.panic_place.try_borrow_mut() {
                        *place = info.location().map(|l| format!("{}:{}", l.file(), l.line()));
                    }
                    inside
                })
                .unwrap_or(false);
            if !inside {
                before(info);
            }
        }));
    });
}

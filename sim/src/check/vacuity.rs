//! Warnings of a check that did not exercise what it claims to check.

use std::fmt;
use std::time::Duration;

use mapi_sync::contract::{Policy, Rule};

use super::execution::on_runtime;
use super::real_time::RealTimeWait;
use super::search::{OutsideTask, SearchSummary};
use super::{Exercised, SubjectKind};
use crate::engine::Blocked;
use crate::world::{Coverage, Fault, Scenario, Shutdown};

/// A reason why a check says less than it seems to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// All executions were the same one: nothing was left to decide, or nothing was decided.
    OneSchedule,
    /// No two steps of different tasks were in conflict: the order of the steps made no difference.
    NoConflict,
    /// The scenario has this feature, and no execution exercised it. The name is that of the
    /// counter.
    NeverExercised(&'static str),
    /// The search ended because it had [no longer](crate::Check::time).
    OutOfTime(Duration),
    /// No execution met this goal of the author's.
    GoalNotMet(&'static str),
    /// The search ended before all schedules were run, because this many used up their budget of
    /// steps: others would take as long, and show the same.
    Livelocks(u64),
    /// A thread takes part that the check does not control. Nobody is to blame for that, and the
    /// check is incomplete: what such a thread brings, and when, is no part of any schedule.
    OutsideThread {
        /// The number of the first execution that showed it, from 0.
        index: u64,
        /// The tasks that wait for it; none if they went on without it.
        waits: Vec<Blocked>,
    },
    /// Code of the provider, or of the program, waits in real time, inside of a poll.
    RealTime {
        /// The number of the first execution that showed it, from 0.
        index: u64,
        /// The task.
        task: String,
        /// How long it waited, in microseconds.
        us: u64,
    },
    /// Code asked for the real tokio, and [got](crate::Check::real_tokio) it.
    RealTokio {
        /// The number of the first execution that showed it, from 0.
        index: u64,
        /// Who asked for it there. Of several that did so in one step, the first.
        uses: Vec<TokioUse>,
        /// Whether tasks of it ran: the order among them was not explored.
        has_tasks: bool,
    },
}

/// Code that asked for the real tokio.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokioUse {
    /// The task.
    pub task: String,
    /// File and line of the call.
    pub place: String,
}

impl Warning {
    /// Whether the check is incomplete on account of it, so that it cannot pass.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        matches!(self, Self::OutsideThread { .. })
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, false)
    }
}

/// A warning of a check of a program in words.
struct OfProgram<'a>(&'a Warning);

impl fmt::Display for OfProgram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, true)
    }
}

impl Warning {
    /// The warning in words, of a check of this kind. `Display` writes those of a provider's.
    #[must_use]
    pub fn in_words(&self, kind: SubjectKind) -> String {
        match kind {
            SubjectKind::Program => OfProgram(self).to_string(),
            _ => self.to_string(),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, is_of_program: bool) -> fmt::Result {
        let on_runtime = on_runtime(is_of_program);
        match self {
            Self::OneSchedule => f.write_str("every execution was the same one"),
            Self::NoConflict => {
                f.write_str("no two steps were in conflict, so no order made a difference")
            }
            Self::NeverExercised("done") => f.write_str("no execution reached a Done"),
            Self::NeverExercised(name) => {
                write!(f, "never exercised: {}", name.replace('_', " "))
            }
            Self::OutOfTime(limit) => {
                write!(f, "the search is incomplete: it ended when its time was over, {limit:?}")
            }
            Self::GoalNotMet(name) => write!(f, "no schedule met the goal {name:?}"),
            Self::Livelocks(count) => write!(
                f,
                "the search ended early: {count} schedules used up their budget of steps. Mend the \
                 livelock first, or set a smaller budget (`LimitChanges::max_steps`)"
            ),
            Self::OutsideThread { index, waits } => {
                let number = index + 1;
                match waits.as_slice() {
                    [] => write!(
                        f,
                        "schedule {number}: a thread that the check does not control \
                                     woke a task"
                    )?,
                    waits => {
                        write!(
                            f,
                            "schedule {number} waits for a thread that the check does not \
                                   control: "
                        )?;
                        let waits: Vec<String> = waits.iter().map(Blocked::to_string).collect();
                        f.write_str(&waits.join("; "))?;
                    }
                }
                write!(
                    f,
                    ". Nobody is to blame, but no order with that thread was tried: spawn \
                     {on_runtime}, and let a test answer in the thread's place"
                )
            }
            Self::RealTokio { index, uses, has_tasks } => {
                write!(f, "schedule {}: code asks for the real tokio", index + 1)?;
                let uses: Vec<String> =
                    uses.iter().map(|asks| format!("`{}` at {}", asks.task, asks.place)).collect();
                if !uses.is_empty() {
                    write!(f, ": {}", uses.join(", "))?;
                }
                f.write_str(". Its timers fire in virtual time, and are never late")?;
                if *has_tasks {
                    f.write_str(
                        ". Its tasks run as the task `tokio`, in an order among them that is \
                         tokio's own and was not explored",
                    )?;
                }
                f.write_str(
                    ". Let the crate mapi-sync-tokio stand in for tokio, in the manifest of \
                     whoever calls it",
                )
            }
            Self::RealTime { index, task, us } => {
                let (number, ms) = (index + 1, *us as f64 / 1_000.0);
                let whose = if is_of_program { "its" } else { "the provider's" };
                write!(
                    f,
                    "schedule {number}: a poll of task {task:?} waited for {ms:.1} ms of real \
                     time. A runtime of {whose} own, a blocking call or another thread's lock is \
                     not under control: sleep and spawn {on_runtime}"
                )
            }
        }
    }
}

/// The warnings of a check.
pub(super) fn warnings(
    scenario: &Scenario,
    summary: &SearchSummary,
    is_of_program: bool,
) -> Vec<Warning> {
    let one = (!summary.several).then_some(Warning::OneSchedule);
    // A program has nobody to whom it is done.
    let never = unexercised(scenario, &summary.coverage)
        .filter(|name| !(is_of_program && *name == "done"))
        .map(Warning::NeverExercised);
    let calm = (!summary.raced).then_some(Warning::NoConflict);
    let outside = summary
        .outside
        .clone()
        .map(|OutsideTask { index, waits }| Warning::OutsideThread { index, waits });
    let real_time = summary.real_time.clone().map(|(index, RealTimeWait { task, slept })| {
        let us = u64::try_from(slept.as_micros()).unwrap_or(u64::MAX);
        Warning::RealTime { index, task, us }
    });
    let tokio = summary.tokio.as_ref().map(|seen| Warning::RealTokio {
        index: seen.index,
        uses: summary.tokio_uses.clone(),
        has_tasks: seen.used.tasks,
    });
    let uncontrolled = outside.into_iter().chain(real_time).chain(tokio);
    let livelocks = summary.ended_at_livelocks.then_some(Warning::Livelocks(summary.livelocks));
    uncontrolled.chain(livelocks).chain(one).chain(calm).chain(never).collect()
}

/// How often each rule of this policy had a chance to be broken, of all these schedules.
pub(super) fn exercised(
    policy: &Policy,
    coverage: &Coverage,
    schedules: u64,
    sees_releases: bool,
) -> Vec<Exercised> {
    let chances = |rule: Rule| {
        rule.needs().map_or(schedules, |situation| coverage.of(situation, sees_releases))
    };
    policy.rules().map(|rule| Exercised { rule, chances: chances(rule) }).collect()
}

/// The counters of features that the scenario has, and that stand at zero.
fn unexercised(scenario: &Scenario, coverage: &Coverage) -> impl Iterator<Item = &'static str> {
    let Scenario { host, faults, .. } = scenario;
    let expected = |name: &str| match name {
        "done" => true,
        "errors" => faults.network_loss > 0 || faults.offline > 0,
        "cancels" => host.cancels > 0,
        "shutdowns" => host.shutdown.is_possible(),
        "fast_shutdowns" => host.shutdown == Shutdown::Fast,
        "overlapping_starts" => host.overlap_start || host.reentrant,
        "failed_starts" => {
            faults.query_interface_refused > 0
                || faults.event_creation > 0
                || host.overlap_start
                || host.reentrant
        }
        fault => Fault::ALL.iter().any(|f| f.name() == fault && f.budget(faults) > 0),
    };
    coverage
        .counters()
        .filter(move |(name, count)| *count == 0 && expected(name))
        .map(|(name, _)| name)
}

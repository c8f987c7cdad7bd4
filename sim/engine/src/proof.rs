//! The result of an exhaustive search: how much was run, and within which bounds.

use std::fmt;

use super::outcome::Limits;

/// How far an exhaustive search came, and within which bounds.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// Whether everything within the bounds was run.
    pub complete: bool,
    /// What is counted.
    pub unit: ProofUnit,
    /// How many of them were run.
    pub count: u64,
    /// About how many there are (Knuth's estimate); exact when `complete`, infinite if unknown.
    pub estimate: f64,
    /// The bounds of every execution, in words: how many faults may strike, for instance.
    pub bounds: Vec<String>,
    /// Why the search is not exhaustive although it has ended, if so.
    pub gap: Option<Gap>,
}

/// What an exhaustive search counts.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofUnit {
    /// Classes of equivalent schedules.
    Classes,
    /// Schedules.
    Schedules,
    /// The default schedule, and those in which a task is dropped.
    Cases,
}

/// Why an ended search is not exhaustive.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// The clock could run ahead of tasks, and it was not let.
    Skew,
    /// Tasks could be polled without being woken, and were not.
    Spurious,
    /// Tasks could be dropped while they wait, and were not.
    DropsWaiting,
    /// Timers of one task could fire one by one, and did not.
    TimersApart,
    /// New tasks could run before their `spawn` returned, and did not.
    EarlyTasks,
    /// Executions used up their budget of steps, and their ends were run in one order only.
    Steps,
    /// The program behaved differently under the same decisions: it depends on something that is
    /// not tracked.
    Untracked,
    /// Tasks of a [guest](crate::GuestRuntime) ran, in the order that it chose.
    Guest,
}

impl ProofUnit {
    const fn name(self) -> &'static str {
        match self {
            Self::Classes => "classes",
            Self::Schedules => "schedules",
            Self::Cases => "cases",
        }
    }
}

impl Proof {
    /// The share that was run, between 0 and 1, as far as it is known.
    #[must_use]
    pub fn share(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let count = self.count as f64;
        if self.count == 0 { 0.0 } else { count / self.estimate }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit, estimate) = (self.count, self.unit.name(), self.estimate);
        match self.gap {
            _ if self.complete => write!(f, "{count} {unit}, exhaustive, under these bounds: ")?,
            None if estimate.is_infinite() => {
                write!(f, "not finished: {count} {unit} of an unknown number; bounds: ")?;
            }
            None => write!(f, "not finished: {count} of about {estimate:.0} {unit}; bounds: ")?,
            Some(gap) => write!(f, "{count} {unit}, {gap}; bounds: ")?,
        }
        f.write_str(&self.bounds.join(", "))
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Skew => "without the clock running ahead",
            Self::Spurious => "without spurious polls",
            Self::DropsWaiting => "without drops of waiting tasks",
            Self::TimersApart => "without timers of one task that fire one by one",
            Self::Steps => {
                "of which some used up their budget of steps, and ended in one order only"
            }
            Self::EarlyTasks => "without new tasks that run before `spawn` returns",
            Self::Guest => "without other orders of the tasks that another runtime ran",
            Self::Untracked => "and the program depends on what is not tracked",
        })
    }
}

/// The limits of every execution, in words.
pub(crate) fn bounds(limits: &Limits) -> Vec<String> {
    let Limits { max_steps, max_virtual_ms, faults, drops, spurious, skew_ms, .. } = *limits;
    let some = |n: u32, what: &str| match n {
        0 => format!("no {what}s"),
        1 => format!("at most 1 {what}"),
        n => format!("at most {n} {what}s"),
    };
    let mut bounds = vec![some(faults, "fault"), some(drops, "dropped task")];
    if drops > 0 && limits.drops_waiting {
        bounds.push("drops of waiting tasks".to_owned());
    }
    if spurious > 0 {
        bounds.push(some(spurious, "spurious poll"));
    }
    if skew_ms > 0 {
        bounds.push(format!("a clock at most {skew_ms} ms ahead"));
    }
    if limits.late_percent > 0 {
        bounds.push(format!("work late by at most {} %", limits.late_percent));
    }
    if limits.timers_apart {
        bounds.push("timers of one task that fire one by one".to_owned());
    }
    if limits.early_segments > 0 {
        let most = limits.early_segments;
        bounds.push(format!("at most {most} segments of a new task before `spawn` returns"));
    }
    bounds.push(format!("at most {max_steps} steps and {max_virtual_ms} virtual ms"));
    bounds
}

//! What an exhaustive search has shown, and what it has not.

use std::fmt;

use crate::engine::Limits;
use crate::strategy::{Bound, Cancellations, Certificate, Dfs, Gap};

/// How far an exhaustive search came, and within which bounds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Proof {
    /// Whether everything within the bounds was run.
    pub complete: bool,
    /// What is counted.
    pub unit: ProofUnit,
    /// How many of them were run.
    pub count: u64,
    /// About how many there are (Knuth's estimate); exact when `complete`.
    pub estimate: f64,
    /// What every execution kept to, in words: as many faults as the scenario allows, for
    /// instance.
    pub bounds: Vec<String>,
    /// Why the search is not exhaustive although it has ended, if so.
    pub gap: Option<Gap>,
}

/// What an exhaustive search counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProofUnit {
    /// Classes of schedules that cannot be told apart.
    Classes,
    /// Schedules.
    Schedules,
    /// The plain run, and those in which a task is dropped.
    Cases,
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
    /// What the certificate of a reducing search says. After an early end, `run` executions count.
    pub(super) fn of_classes(certificate: &Certificate, run: u64, limits: &Limits) -> Self {
        let Certificate { complete, classes, estimate, gap, .. } = *certificate;
        let count = if complete || gap.is_some() { classes } else { run };
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let estimate = if complete { classes as f64 } else { estimate.max(run as f64) };
        Self { complete, unit: ProofUnit::Classes, count, estimate, bounds: bounds(limits), gap }
    }

    /// What a search without reduction says.
    pub(super) fn of_schedules(search: &Dfs, limits: &Limits) -> Self {
        let complete = search.is_complete();
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let estimate = search.schedules() as f64 / search.explored();
        let mut bounds = bounds(limits);
        if let Some(bound) = search.bound()
            && (search.was_cut() || !complete)
        {
            bounds.insert(0, bound.to_string());
        }
        let count = search.schedules();
        Self { complete, unit: ProofUnit::Schedules, count, estimate, bounds, gap: None }
    }

    /// What dropping a task at each await point says.
    pub(super) fn of_cancellations(search: &Cancellations) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let estimate = search.await_points() as f64 + 1.0;
        let bounds =
            ["the plain order of steps", "one task dropped at one await point", "no fault"];
        Self {
            complete: search.is_complete(),
            unit: ProofUnit::Cases,
            count: search.cases(),
            estimate,
            bounds: bounds.map(str::to_owned).to_vec(),
            gap: None,
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit, estimate) = (self.count, self.unit.name(), self.estimate);
        match self.gap {
            _ if self.complete => write!(f, "{count} {unit}, exhaustive, under these bounds: ")?,
            None => write!(f, "not finished: {count} of about {estimate:.0} {unit}; bounds: ")?,
            Some(gap) => write!(f, "{count} {unit}, {gap}; bounds: ")?,
        }
        f.write_str(&self.bounds.join(", "))
    }
}

/// What keeps executions from being more than they are.
fn bounds(limits: &Limits) -> Vec<String> {
    let Limits { max_steps, max_virtual_ms, faults, drops, spurious, skew_ms, .. } = *limits;
    let some = |n: u32, what: &str| match n {
        0 => format!("no {what}s"),
        1 => format!("at most 1 {what}"),
        n => format!("at most {n} {what}s"),
    };
    let mut bounds = vec![some(faults, "fault"), some(drops, "dropped task")];
    if spurious > 0 {
        bounds.push(some(spurious, "spurious poll"));
    }
    if skew_ms > 0 {
        bounds.push(format!("a clock at most {skew_ms} ms ahead"));
    }
    bounds.push(format!("at most {max_steps} steps and {max_virtual_ms} virtual ms"));
    bounds
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, what) = match self {
            Self::Preemptions(n) => (n, "preemption"),
            Self::Delays(n) => (n, "delay"),
        };
        write!(f, "at most {n} {what}{}", if *n == 1 { "" } else { "s" })
    }
}

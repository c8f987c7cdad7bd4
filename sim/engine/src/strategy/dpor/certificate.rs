//! The certificate of a search.

use std::fmt;

use crate::proof::{Gap, bounds};
use crate::{Limits, Proof, ProofUnit};

/// The result of a finished or unfinished search.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// Whether every class was run.
    pub complete: bool,
    /// Executions that ran to their end, each the only one of its class.
    pub classes: u64,
    /// Executions that were cut off, or not counted, because equivalent ones had been run.
    pub blocked: u64,
    /// Pairs of segments whose order mattered.
    pub races: u64,
    /// About how many classes there are; exact when `complete`.
    pub estimate: f64,
    /// Why the search is not exhaustive although it has ended, if so.
    pub gap: Option<Gap>,
}

impl Certificate {
    /// The certificate as a proof about executions within these limits, of which `executions` were
    /// run: that number counts if the search was ended early.
    #[must_use]
    pub fn proof(&self, executions: u64, limits: &Limits) -> Proof {
        let Self { complete, classes, estimate, gap, .. } = *self;
        let count = if complete || gap.is_some() { classes } else { executions };
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let estimate = if complete { classes as f64 } else { estimate.max(executions as f64) };
        let bounds = bounds(limits);
        Proof { complete, unit: ProofUnit::Classes, count, estimate, bounds, gap }
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes = self.classes;
        match self.gap {
            _ if self.complete => write!(f, "{classes} classes, exhaustive"),
            None => write!(f, "not finished: {classes} of about {:.0}", self.estimate),
            Some(gap) => write!(f, "{classes} classes, {gap}"),
        }
    }
}

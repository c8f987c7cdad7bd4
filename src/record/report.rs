//! What the check of a trace came to.

use std::fmt;

use crate::contract::{Rule, Situation, Violation};

/// What a trace came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceReport {
    /// Syncs in the trace.
    pub syncs: u64,
    /// Callbacks in the trace.
    pub calls: u64,
    /// Records that the recorder had to drop. A sync of which some may be missing, and one that
    /// began before the trace, are judged by those rules alone that can be applied to parts of
    /// them: nothing is missed that may be among what was dropped.
    pub dropped: u64,
    /// Whether the trace was cut off in the middle of a line, as a process that is ended leaves
    /// it.
    pub cut_off: bool,
    /// The rules that were broken, at most 1,000 of them.
    pub violations: Vec<Violation>,
    /// How many more were broken.
    pub more_violations: u64,
    /// The rules of the policy that were not applied to any sync, or not as a whole, in the order
    /// of the table.
    pub not_judged: Vec<NotJudged>,
    /// The rules of the policy that were applied, and that no sync broke.
    pub held: Vec<Rule>,
}

/// A rule that a trace gave no chance to be broken, or not every chance.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotJudged {
    /// The rule.
    pub rule: Rule,
    /// Why.
    pub why: WhyNotJudged,
}

/// Why a rule was not applied to a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhyNotJudged {
    /// It [needs](Rule::needs_start) more than the callback of a sync.
    CallbacksOnly,
    /// It [needs](Rule::needs_ends) to know how calls end, and the trace does not say.
    NoEnds,
    /// It [needs](Rule::judges_parts) all calls of a sync, and the trace has no sync as a whole.
    PartsOnly,
    /// What it [needs](Rule::needs) never came.
    Missing(Situation),
    /// A sync has no call at all. That is right if its start failed, which a trace does not show.
    NoCalls,
    /// It allows each task one more Progress, and the trace does not say which task calls: in some
    /// sync more than one came, and no more than are allowed to
    /// [tasks that are not known](crate::contract::Policy::progress_after_cancel).
    TasksUnknown {
        /// How many are allowed.
        most: u32,
    },
}

impl fmt::Display for WhyNotJudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CallbacksOnly => f.write_str("a trace has callbacks only"),
            Self::NoEnds => f.write_str("the trace does not say how calls end"),
            Self::PartsOnly => f.write_str("the trace has no sync as a whole"),
            // The user's cancel can reach a provider in another way than by an answer.
            Self::Missing(Situation::Cancel) => {
                f.write_str("no call was answered with a cancel request")
            }
            Self::Missing(situation) => situation.fmt(f),
            Self::NoCalls => f.write_str(
                "a sync has no call, and a trace does not show whether its start failed",
            ),
            Self::TasksUnknown { most } => write!(
                f,
                "a trace does not say which task calls, so that up to {most} late calls of \
                 Progress pass"
            ),
        }
    }
}

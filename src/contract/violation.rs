//! What a broken rule is reported as.

use std::fmt;

use super::{CallRecord, Rule, SyncId};

/// A rule that was broken: which, by whom, and the calls that show it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// The sync that it was broken in.
    pub sync: SyncId,
    /// When, in (virtual) milliseconds since the monitor's epoch.
    pub at_ms: u64,
    /// How many calls the sync had seen by then, the ends of callbacks not counted: the position
    /// of the call that broke the rule, from 1.
    pub position: u32,
    /// What happened, in a sentence.
    pub message: String,
    /// The calls involved, in the order in which they happened. The last one broke the rule,
    /// unless something never came.
    pub calls: Vec<CallRecord>,
    /// Whether the rule is broken because something never came: it was found when the observation
    /// ended.
    pub never_came: bool,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, sync, at_ms, message, .. } = self;
        write!(
            f,
            "{rule} ({}, {}): {message} [sync {}, {at_ms} ms]",
            rule.level(),
            rule.blame(),
            sync.0
        )
    }
}

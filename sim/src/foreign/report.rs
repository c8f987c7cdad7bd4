//! The result of a check of a foreign provider.

use mapi_sync::contract::{Level, Party, Rule, Violation};
use serde::{Deserialize, Serialize};

use super::Process;

/// Rules whose violations only the process shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProcessRule {
    /// A sync ends in bounded time.
    Ends,
    /// A provider does not crash the process of its host.
    Survives,
    /// All handles are closed when a sync is over.
    Handles,
    /// Only open handles are closed.
    HandlesOnce,
    /// All threads end when a sync is over.
    Threads,
}

impl ProcessRule {
    /// The rule's name, for example `sync-ends`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Ends => "sync-ends",
            Self::Survives => "process-survives",
            Self::Handles => "handles-closed",
            Self::HandlesOnce => "handles-closed-once",
            Self::Threads => "threads-ended",
        }
    }
}

/// One violation, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ForeignViolation {
    /// The rule's name: one of the contract's, or of [`ProcessRule`]'s.
    pub rule: String,
    /// `must`, `should` or `policy`.
    pub level: String,
    /// `provider` or `host`.
    pub blame: String,
    /// What happened, in a sentence.
    pub message: String,
    /// The calls that show it.
    pub calls: Vec<String>,
}

/// The counts of a check, and the first violation of each rule. Its message says how many more
/// there were.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ForeignReport {
    /// Syncs that were started.
    pub syncs: u32,
    /// Starts that answered a failure.
    pub failed_starts: u32,
    /// Syncs that ended with a Done.
    pub dones: u64,
    /// Callbacks of all syncs.
    pub calls: u64,
    /// How long it took, in seconds.
    pub elapsed_s: f64,
    /// The violations.
    pub violations: Vec<ForeignViolation>,
}

impl ForeignReport {
    /// Whether rule `id` was found broken.
    #[must_use]
    pub fn breaks(&self, id: &str) -> bool {
        self.violations.iter().any(|violation| violation.rule == id)
    }

    /// Adds a violation of a rule of the process.
    pub fn add(&mut self, rule: ProcessRule, message: String) {
        self.violations.push(ForeignViolation {
            rule: rule.id().into(),
            level: Level::Must.to_string(),
            blame: Party::Provider.to_string(),
            message,
            calls: Vec::new(),
        });
    }

    pub(super) fn add_violations(&mut self, violations: &[Violation]) {
        for &rule in Rule::ALL {
            let mut broken = violations.iter().filter(|violation| violation.rule == rule);
            let Some(first) = broken.next() else { continue };
            let message = match broken.count() {
                0 => first.message.clone(),
                more => format!("{} (and {more} times more)", first.message),
            };
            self.violations.push(ForeignViolation {
                rule: rule.id().into(),
                level: rule.level().to_string(),
                blame: rule.blame().to_string(),
                message,
                calls: first.calls.iter().map(ToString::to_string).collect(),
            });
        }
    }

    /// Compares the figures of the process. A leak grows with every sync. The system itself may add
    /// a few handles or threads, so a few syncs show nothing.
    pub(super) fn compare(&mut self, before: Process, after: Process) {
        let syncs = self.syncs - 1;
        let leaks = |before: usize, after: usize| {
            let more = after.saturating_sub(before);
            (syncs >= FEW && more * 4 >= syncs as usize * 3).then_some(more)
        };
        if let Some(more) = leaks(before.handles, after.handles) {
            let message = format!("{more} handles more are open after {syncs} more syncs");
            self.add(ProcessRule::Handles, message);
        }
        if let (Some(before), Some(after)) = (before.threads, after.threads)
            && let Some(more) = leaks(before, after)
        {
            let message = format!("{more} threads more are running after {syncs} more syncs");
            self.add(ProcessRule::Threads, message);
        }
    }
}

/// How many syncs it takes to distinguish a leak from noise.
const FEW: u32 = 8;

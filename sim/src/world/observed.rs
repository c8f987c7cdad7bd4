//! The result of one execution.

use mapi_sync::contract::{CallRecord, Violation};

use super::coverage::Coverage;
use crate::decision::Departure;
use crate::engine::{End, Note, Outcome, SegmentNote, TaskId};

/// One execution, as the contract saw it.
#[derive(Clone, Debug)]
pub struct Observed {
    /// How the engine ended it.
    pub outcome: Outcome,
    /// The rules that were broken, in the order in which they were found.
    pub violations: Vec<Finding>,
    /// Every call, in order, if a log was asked for.
    pub calls: Vec<SeenCall>,
    /// What happened between the calls, in order, if a log was asked for.
    pub happenings: Vec<Happening>,
    /// What each segment did to other tasks, in order, in a replay.
    pub segments: Vec<SegmentNote>,
    /// How often each feature was exercised.
    pub coverage: Coverage,
}

/// Something that happened besides calls: a decision that is no context switch, or a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// How many of the calls came before.
    pub before: usize,
    /// The step of the execution, from 0.
    pub step: u64,
    /// What it was.
    pub what: Happened,
}

/// What happened besides calls.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Happened {
    /// A fault, a drop, a value: something was decided otherwise than by default.
    Decision(Departure),
    /// The provider [noted](crate::engine::note) something.
    Note(Note),
}

impl Observed {
    /// Whether the contract held.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.violations.is_empty()
    }

    /// Whether it shows nothing, because a task failed only for running on its spawner's stack.
    ///
    /// A task that runs before its `spawn` returns finds what the spawning task has borrowed in a
    /// `RefCell` of the thread. On a runtime with several threads it would not.
    #[must_use]
    pub fn is_excused(&self) -> bool {
        let borrowed = |message: &str| {
            message.contains("already borrowed") || message.contains("already mutably borrowed")
        };
        self.outcome.panics.iter().any(|panic| panic.early && borrowed(&panic.message))
    }

    /// Whether the execution ran to its end. Otherwise some task waits for ever, or a budget ran
    /// out.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.outcome.end == End::Completed
    }
}

/// A broken rule, and in which account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The account's number, from 0, in the order of the scenario.
    pub account: usize,
    /// The violation.
    pub violation: Violation,
}

/// A call of the log, with the task that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenCall {
    /// The account's number, from 0.
    pub account: usize,
    /// The step of the execution, from 0.
    pub step: u64,
    /// The task that made it.
    pub task: TaskId,
    /// That task's name.
    pub name: String,
    /// The call.
    pub call: CallRecord,
}

//! The result of one execution.

use mapi_sync::contract::{CallRecord, Violation};

use super::coverage::Coverage;
use crate::decision::Departure;
use crate::engine::{
    BrokenProperty, End, Engine, Mode, Note, Outcome, Property, SegmentNote, TaskId,
};
use crate::program::Returned;

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
    /// How the engine ended it, if it could not go on after the process had exited.
    pub(crate) end_after_exit: Option<End>,
    /// The author's properties that were broken, in the order in which that was seen.
    pub broken: Vec<BrokenProperty>,
    /// The author's goals that it came by, and whether each was met.
    pub goals: Vec<(&'static str, bool)>,
    /// The author's properties that it was held to.
    pub(crate) properties: Vec<Property>,
    /// A property that looks at what is not tracked, if footprints were kept and there is one.
    pub(crate) untracked: Option<Property>,
    /// Whether it is one of a program.
    pub(crate) is_of_program: bool,
    /// What a program returned, if it did.
    pub(crate) returned: Option<Returned>,
    /// The steps of a program, if a log was asked for.
    pub(crate) steps: Vec<SeenStep>,
}

/// A step of the log of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeenStep {
    /// When, in virtual milliseconds.
    pub at_ms: u64,
    /// The step of the execution, from 0.
    pub step: u64,
    /// The task whose it was.
    pub task: TaskId,
    /// Which tracked objects it used and how, in order, without repetitions.
    pub uses: Vec<Use>,
    /// The tasks that it spawned.
    pub spawned: Vec<TaskId>,
    /// Whether it was the task's last.
    pub is_last: bool,
}

/// A use of a tracked object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Use {
    /// The object's name.
    pub object: String,
    /// How it was used.
    pub mode: Mode,
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
    /// An execution of which nothing more is known.
    pub(super) fn new(outcome: Outcome, coverage: Coverage) -> Self {
        Self {
            outcome,
            violations: Vec::new(),
            calls: Vec::new(),
            happenings: Vec::new(),
            segments: Vec::new(),
            coverage,
            end_after_exit: None,
            broken: Vec::new(),
            goals: Vec::new(),
            properties: Vec::new(),
            untracked: None,
            is_of_program: false,
            returned: None,
            steps: Vec::new(),
        }
    }

    /// Adds what the last execution of `engine` showed of the author's properties and goals.
    pub(super) fn with_properties(mut self, engine: &Engine) -> Self {
        if !engine.properties().is_empty() || !engine.goals().is_empty() {
            self.broken = engine.broken_properties().to_vec();
            self.goals = engine.goals().to_vec();
            self.properties = engine.properties().to_vec();
            self.untracked = engine.untracked_property();
        }
        self
    }

    /// How many calls a log has, or a program's steps.
    pub(crate) fn lines(&self) -> usize {
        self.calls.len().max(self.steps.len())
    }

    /// The place of a step among those of a program, if it is there.
    pub(crate) fn place_of_step(&self, step: u64) -> Option<usize> {
        self.steps.binary_search_by_key(&step, |seen| seen.step).ok()
    }

    /// The error that a program returned.
    pub(crate) fn returned_error(&self) -> Option<&str> {
        self.returned.as_ref()?.error.as_deref()
    }

    /// Whether the main future of a program panicked or returned an error.
    pub(crate) fn has_main_failed(&self) -> bool {
        let panicked = self.is_of_program
            && self.outcome.panics.iter().any(|panic| panic.task == TaskId::MAIN);
        panicked || self.returned_error().is_some()
    }

    /// Whether the contract held, and the author's properties.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.violations.is_empty() && self.broken.is_empty()
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

//! The questions of an execution, for whoever wants to answer one of them otherwise.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::steps::{LoggedStep, StepLog};
use crate::decision::{Decisions, Kind, Place};
use crate::engine::{ChoicePoint, Decision, Observer, Strategy, TaskId, TaskKey};
use crate::lock::lock;

/// A question that an execution asked.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) place: Place,
    pub(crate) sort: Sort,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) enum Sort {
    /// Who takes this step.
    Task {
        step: u64,
        /// The task that does unless something else is decided.
        default: TaskKey,
        /// All that could, and the one that did.
        could: Vec<(TaskId, TaskKey)>,
        taken: TaskId,
    },
    /// Which of a number of values.
    Value {
        arity: u32,
        /// Whether no more than the default is allowed: the budget is used up.
        is_spent: bool,
    },
}

/// Follows decisions, and writes down each question, in order.
pub(super) struct QuestionLog {
    follows: StepLog,
    asked: BTreeMap<(Kind, TaskKey, u32), u32>,
    questions: Arc<Mutex<Vec<Question>>>,
}

impl QuestionLog {
    pub(super) fn new(decisions: &Decisions) -> Self {
        Self { follows: StepLog::new(decisions), asked: BTreeMap::new(), questions: Arc::default() }
    }

    /// Where the questions are written.
    pub(super) fn questions(&self) -> Arc<Mutex<Vec<Question>>> {
        Arc::clone(&self.questions)
    }

    /// Where the steps are written.
    pub(super) fn steps(&self) -> Arc<Mutex<Vec<LoggedStep>>> {
        self.follows.steps()
    }
}

impl Strategy for QuestionLog {
    fn begin(&mut self, index: u64) -> bool {
        self.asked.clear();
        lock(&self.questions).clear();
        self.follows.begin(index)
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        let taken = self.follows.pick(at);
        let task = at.key(at.current());
        let place = Place { kind: Kind::Run, task, site: 0, ordinal: at.ordinal() };
        let key = |task: TaskId| if task == TaskId::CLOCK { TaskKey::CLOCK } else { at.key(task) };
        let sort = Sort::Task {
            step: at.step(),
            default: key(at.default_task()),
            could: at.candidates().map(|task| (task, key(task))).collect(),
            taken,
        };
        lock(&self.questions).push(Question { place, sort });
        taken
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        let site = at.site.hash();
        let count = self.asked.entry((at.kind, at.key, site)).or_default();
        let place = Place { kind: at.kind, task: at.key, site, ordinal: *count };
        *count += 1;
        let sort = Sort::Value { arity: at.arity, is_spent: at.left == 0 };
        lock(&self.questions).push(Question { place, sort });
        self.follows.choose(at)
    }

    fn cut_short(&mut self) {
        self.follows.cut_short();
    }

    fn end(&mut self) {
        self.follows.end();
    }

    fn asks_every_step(&self) -> bool {
        self.follows.asks_every_step()
    }

    fn observer(&mut self) -> Option<&mut dyn Observer> {
        self.follows.observer()
    }
}

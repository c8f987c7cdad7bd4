//! An execution that shows a defect, ready to be read and to be replayed.

use super::{Defect, Execution, Subject, Why};
use crate::decision::{Decisions, Token};
use crate::world::Scenario;

/// An execution that shows one or more defects, and the token that replays it.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// The number of the execution that showed it first, from 0.
    pub index: u64,
    /// What it shows that no earlier counterexample does.
    pub defects: Vec<Defect>,
    /// The execution, as its replay showed it.
    pub execution: Execution,
    /// What it is an execution of.
    pub subject: Subject,
    /// The scenario of the check. The subject's [changes](Subject::changes) make that of the
    /// execution of it.
    pub scenario: Scenario,
    /// What decides that it shows the first of its defects; `None` if that was not looked for.
    pub why: Option<Why>,
    /// The execution that is almost the same and [does not show it](Why::without), as its replay
    /// showed it; `None` if there is none, or it was not looked for.
    pub without: Option<Box<Execution>>,
    /// What was decided in it.
    pub decisions: Decisions,
    /// The [digest](crate::engine::Engine::prefix_digest) of its steps up to the last decision.
    pub prefix: Option<u32>,
    /// How many decisions it had before it was made smaller.
    pub found_decisions: usize,
    /// How many executions making it smaller took; 0 if that was not tried.
    pub shrink_executions: u32,
    /// Whether it is as small as it gets.
    pub shrinking: Completion,
    /// Whether all that could explain it was tried. If not, [`why`](Self::why) is `None`.
    pub explaining: Completion,
}

/// How far a work on a counterexample came that has a budget.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Completion {
    /// It was not begun.
    #[default]
    NotTried,
    /// It came to its end.
    Complete,
    /// Its budget of executions and steps was used up. The result is the same each time.
    OutOfBudget,
    /// It [took too long](crate::Check::shrink_time). On a faster machine, it may come further.
    OutOfTime,
    /// It was interrupted.
    Interrupted,
}

impl Completion {
    /// Why it did not come to its end, if it was begun and did not.
    #[must_use]
    pub const fn shortfall(self) -> Option<&'static str> {
        match self {
            Self::NotTried | Self::Complete => None,
            Self::OutOfBudget => Some("out of its budget of executions"),
            Self::OutOfTime => Some("out of time"),
            Self::Interrupted => Some("interrupted"),
        }
    }
}

impl Counterexample {
    /// The token that replays it. It names the first of its defects.
    #[must_use]
    pub fn token(&self) -> Token {
        match self.defects.first() {
            Some(defect) => self.token_of(*defect),
            None => self.subject.token(self.decisions.clone()).with_prefix(self.prefix),
        }
    }

    /// The token that replays it, and names this one of its defects.
    #[must_use]
    pub fn token_of(&self, defect: Defect) -> Token {
        self.subject.token_of(defect, self.decisions.clone()).with_prefix(self.prefix)
    }
}

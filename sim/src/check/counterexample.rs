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
    /// What was decided in it.
    pub decisions: Decisions,
    /// The [digest](crate::engine::Engine::prefix_digest) of its steps up to the last decision.
    pub prefix: Option<u32>,
    /// How many decisions it had before it was made smaller.
    pub found_decisions: usize,
    /// How many executions making it smaller took; 0 if that was not tried.
    pub shrink_executions: u32,
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

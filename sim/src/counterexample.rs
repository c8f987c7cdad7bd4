//! An execution that shows a defect, ready to be read and to be replayed.

use crate::check::{Defect, Execution, Subject};
use crate::decision::{Decisions, Token};

/// An execution that shows one or more defects, and the token that replays it.
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
    /// What was decided in it.
    pub decisions: Decisions,
    /// How many decisions it had before it was made smaller.
    pub found_decisions: usize,
}

impl Counterexample {
    /// What replays it.
    #[must_use]
    pub fn token(&self) -> Token {
        self.subject.token(self.decisions.clone())
    }
}

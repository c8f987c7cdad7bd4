//! What an execution can show: a broken rule of the contract, or an execution that is no good in
//! itself.

use std::fmt;

use mapi_sync::contract::{Blame, Level, Rule};

/// Something that must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Defect {
    /// A rule of the contract is broken.
    Rule(Rule),
    /// Tasks wait for one another, or for something that never comes.
    Deadlock,
    /// A budget of steps or of virtual time ran out.
    Livelock,
    /// A task panicked.
    Panic,
    /// The same decisions led to another execution.
    Nondeterminism,
}

impl Defect {
    /// The name: a rule's id, or `deadlock`, `livelock`, `panic`, `nondeterminism`.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Rule(rule) => rule.id(),
            Self::Deadlock => "deadlock",
            Self::Livelock => "livelock",
            Self::Panic => "panic",
            Self::Nondeterminism => "nondeterminism",
        }
    }

    /// How binding it is not to do this.
    #[must_use]
    pub fn level(self) -> Level {
        if let Self::Rule(rule) = self { rule.level() } else { Level::Must }
    }

    /// Who is to blame; `None` where the calls do not tell.
    #[must_use]
    pub fn blame(self) -> Option<Blame> {
        if let Self::Rule(rule) = self { Some(rule.blame()) } else { None }
    }

    /// The rule that is broken, in words.
    #[must_use]
    pub fn statement(self) -> &'static str {
        match self {
            Self::Rule(rule) => rule.statement(),
            Self::Deadlock => {
                "as long as a task waits, something can still happen that ends the wait"
            }
            Self::Livelock => "an execution ends within its budgets of steps and virtual time",
            Self::Panic => "no task panics",
            Self::Nondeterminism => "the same decisions give the same execution",
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

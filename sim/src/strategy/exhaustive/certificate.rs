//! What a search has shown.

use std::fmt;

/// What a finished, or unfinished, search has shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// Whether every class was run.
    pub complete: bool,
    /// Executions that ran to their end, each the only one of its class.
    pub classes: u64,
    /// Executions that were given up, or not counted, because others like them had been run.
    pub blocked: u64,
    /// Pairs of segments whose order mattered.
    pub races: u64,
    /// About how many classes there are; exact when `complete`.
    pub estimate: f64,
    /// Why the search is not exhaustive although it has ended, if so.
    pub gap: Option<Gap>,
}

/// What keeps an ended search from being exhaustive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gap {
    /// The clock could run ahead of tasks, and it was not let.
    Skew,
    /// Tasks could be polled without being woken, and were not.
    Spurious,
    /// The program behaved differently under the same decisions: it depends on something that is
    /// not tracked.
    Untracked,
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes = self.classes;
        match self.gap {
            _ if self.complete => write!(f, "{classes} classes, exhaustive"),
            None => write!(f, "not finished: {classes} of about {:.0}", self.estimate),
            Some(gap) => write!(f, "{classes} classes, {gap}"),
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Skew => "without the clock running ahead",
            Self::Spurious => "without spurious polls",
            Self::Untracked => "and the program depends on what is not tracked",
        })
    }
}

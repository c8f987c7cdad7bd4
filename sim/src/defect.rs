//! The defects that an execution can show: a broken rule of the contract, or an end that no
//! execution may have.

use std::fmt;

use mapi_sync::contract::{Level, Party, Rule};

use crate::engine::{End, Outcome, Property, PropertyKind};
use crate::world::{Observed, is_wait_of_host};

/// Something that must not happen.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Defect {
    /// A rule of the contract is broken.
    Rule(Rule),
    /// What the author promises of their own state is [broken](mod@crate::property).
    Property(Property),
    /// Tasks wait for one another, or for something that never comes.
    Deadlock,
    /// A budget of steps or of virtual time ran out.
    Livelock,
    /// A task panicked.
    Panic,
    /// A [program](crate::explore) returned an error.
    Error,
    /// A [program](crate::explore) has returned, and a task that it spawned waits for ever.
    LeakedTask,
    /// The same decisions led to another execution.
    Nondeterminism,
}

impl Defect {
    /// The name: a rule's id, a property's name, or `deadlock`, `livelock`, `panic`, `error`,
    /// `leaked-task`, `nondeterminism`.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Rule(rule) => rule.id(),
            Self::Property(property) => property.name,
            Self::Deadlock => "deadlock",
            Self::Livelock => "livelock",
            Self::Panic => "panic",
            Self::Error => "error",
            Self::LeakedTask => "leaked-task",
            Self::Nondeterminism => "nondeterminism",
        }
    }

    /// How binding it is not to do this.
    #[must_use]
    pub fn level(self) -> Level {
        if let Self::Rule(rule) = self { rule.level() } else { Level::Must }
    }

    /// Whether it is one because something took too long.
    #[must_use]
    pub fn bounds_time(self) -> bool {
        match self {
            Self::Rule(rule) => rule.bounds_time(),
            Self::Property(property) => property.kind == PropertyKind::Eventually,
            _ => false,
        }
    }

    /// Who is to blame; `None` where the calls do not show it. What an author promises of a
    /// provider's state, the provider breaks.
    #[must_use]
    pub fn blame(self) -> Option<Party> {
        match self {
            Self::Rule(rule) => Some(rule.blame()),
            Self::Property(_) => Some(Party::Provider),
            _ => None,
        }
    }

    /// The rule that is broken, in words.
    #[must_use]
    pub fn statement(self) -> &'static str {
        match self {
            Self::Rule(rule) => rule.statement(),
            Self::Property(property) => match property.kind {
                PropertyKind::AtEnd => {
                    "what the author promises holds when every task has come to its end"
                }
                PropertyKind::Eventually => {
                    "what the author promises becomes true in time, in virtual time"
                }
                _ => "what the author promises holds after every step",
            },
            Self::Deadlock => {
                "as long as a task waits, something can still happen that ends the wait"
            }
            Self::Livelock => "an execution ends within its budgets of steps and virtual time",
            Self::Panic => "no task panics",
            Self::Error => "the program returns no error",
            Self::LeakedTask => {
                "when the program has returned, every task that it spawned comes to its end"
            }
            Self::Nondeterminism => "the same decisions give the same execution",
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

/// The properties that an execution broke, and whether because something never came.
fn broken_properties(observed: &Observed) -> impl Iterator<Item = (Defect, bool)> + '_ {
    let broken = observed.broken.iter();
    broken.map(|broken| (Defect::Property(broken.property), broken.never_came))
}

/// The defects of an execution, each once or more, the causes first. None if it is excused.
pub(crate) fn defects(observed: &Observed) -> impl Iterator<Item = Defect> + '_ {
    let rules = observed
        .violations
        .iter()
        .map(|finding| (Defect::Rule(finding.violation.rule), finding.violation.never_came));
    let end = end_defect(observed);
    let panic = (!observed.outcome.panics.is_empty()).then_some(Defect::Panic);
    let error = observed.returned_error().map(|_| Defect::Error);
    let ends = end.into_iter().chain(panic).chain(error).map(|defect| (defect, false));
    let ranking = Ranking::of(observed);
    let mut defects: Vec<(Defect, bool)> = broken_properties(observed)
        .chain(rules)
        .chain(ends)
        .filter(|_| !observed.is_excused())
        .collect();
    defects.sort_by_key(|(defect, never_came)| ranking.place(*defect, *never_came));
    defects.into_iter().map(|(defect, _)| defect)
}

/// How the defects of one execution are ordered.
pub(crate) struct Ranking {
    /// A deadlock, a livelock or a panic keeps back what never came.
    is_cut_short: bool,
    /// There is a deadlock in which only the host waits, and what it waits for never came.
    waits_in_vain: bool,
}

impl Ranking {
    pub(crate) fn of(observed: &Observed) -> Self {
        let Outcome { end, panics, .. } = &observed.outcome;
        let only_the_host_waits =
            matches!(end, End::Deadlock(blocked) if blocked.iter().all(is_wait_of_host));
        let waits_in_vain = only_the_host_waits
            && observed.violations.iter().any(|finding| finding.violation.never_came);
        let ends_badly = end_defect(observed).is_some() && !waits_in_vain;
        Self { is_cut_short: ends_badly || !panics.is_empty(), waits_in_vain }
    }

    /// The place of a defect among the others: what must not be comes before what should not and
    /// what a policy forbids. What never came, in an execution that was cut short, comes after
    /// these: it follows from them. That the host waits in vain is the last.
    pub(crate) fn place(&self, defect: Defect, never_came: bool) -> (Level, bool) {
        if defect == Defect::Deadlock && self.waits_in_vain {
            return (Level::Policy, true);
        }
        (defect.level(), self.is_cut_short && never_came)
    }
}

/// The defect that an execution's end is.
pub(crate) fn end_defect(observed: &Observed) -> Option<Defect> {
    match &observed.outcome.end {
        // Who waits for a main future that failed, waits for ever as a rule.
        End::Deadlock(_) if observed.has_main_failed() => None,
        End::Deadlock(_) if observed.returned.is_some() => Some(Defect::LeakedTask),
        End::Deadlock(_) => Some(Defect::Deadlock),
        End::Livelock(_) => Some(Defect::Livelock),
        End::Completed | End::Outside(_) | End::Abandoned => None,
    }
}

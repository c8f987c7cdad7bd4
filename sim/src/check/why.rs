//! Why a counterexample is one, in words.

use super::Defect;
use crate::decision::{Decisions, Departure, Kind};
use crate::engine::TaskId;

/// Why a counterexample is one, as far as it was found out by running it otherwise.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Two adjacent steps: exchanged, with all else in its order, the defect is gone.
    ///
    /// If others come between them, those can come later, and the defect shows all the same. If
    /// several steps of the second's task are moved together, no fewer do.
    Order {
        /// The one that came first.
        first: DecisiveStep,
        /// The one that came next.
        second: DecisiveStep,
        /// How many steps of the second's task, from it on, are moved together: mostly 1.
        moved: u64,
        /// What was decided in the execution in which they are adjacent: in this one, if nothing
        /// comes between them.
        together: Decisions,
        /// What was decided in the execution in which they are exchanged.
        exchanged: Decisions,
    },
    /// A decision: without it, the defect is gone. Where the default decides, it is gone with
    /// another value.
    Decision {
        /// Its sort.
        kind: Kind,
        /// What was decided, in words.
        what: String,
        /// What was decided in the execution without it, or with another value.
        without: Decisions,
    },
    /// The scenario: other schedules of it were run, and every one showed the defect.
    EverySchedule {
        /// How many.
        others: u64,
    },
    /// No exchange of two adjacent steps, none of a step and a few of another task, no single
    /// decision and no other value of a choice that was tried makes the defect go.
    Several,
}

/// One of two steps that decide.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisiveStep {
    /// Its number in the execution, from 0.
    pub step: u64,
    /// The task whose step it was.
    pub task: String,
    /// The places of its calls among those of the execution. There may be none. Of a program, the
    /// place of the step itself among its [steps](crate::Execution::steps).
    pub calls: Vec<usize>,
}

impl Why {
    /// The decisions of the execution that is almost the same, and does not show the defect.
    #[must_use]
    pub fn without(&self) -> Option<&Decisions> {
        match self {
            Self::Order { exchanged, .. } => Some(exchanged),
            Self::Decision { without, .. } => Some(without),
            Self::EverySchedule { .. } | Self::Several => None,
        }
    }
}

/// A decision in words, given the name of its site, if that is known. `name` names tasks.
pub(super) fn in_words(
    departure: &Departure,
    site: Option<&str>,
    tasks: [Option<TaskId>; 2],
    name: impl Fn(TaskId) -> String,
) -> String {
    let [of, to] = tasks.map(|task| task.map_or_else(|| "the clock".to_owned(), &name));
    decision_at(departure, site, &of, &to)
}

/// A decision in words, given the names of the task whose it is and of the one that it switches to.
pub(super) fn decision_in_words(departure: &Departure, of: &str, to: &str) -> String {
    decision_at(departure, None, of, to)
}

pub(super) fn decision_at(departure: &Departure, site: Option<&str>, of: &str, to: &str) -> String {
    let Departure { place, value } = departure;
    let known = crate::world::site_name(place.site);
    match place.kind {
        Kind::Fault => {
            let fault = known.or(site).unwrap_or("of its own").replace('_', " ");
            format!("the fault {fault} strikes `{of}`")
        }
        Kind::Drop => format!("`{of}` is dropped at its await point number {}", place.ordinal + 1),
        Kind::DropWaiting => {
            format!("`{of}` is dropped while it waits, at its wait number {}", place.ordinal + 1)
        }
        Kind::Late => {
            format!("the sleep number {} of `{of}` takes {value} % longer", place.ordinal + 1)
        }
        Kind::Timer => {
            format!("of the timers of `{of}` that are due, number {value} fires first")
        }
        Kind::Early => format!(
            "the task that `{of}` spawns at its spawn number {} takes {value} steps before `spawn` \
             returns",
            place.ordinal + 1
        ),
        Kind::Spurious => format!("a task is polled after `{of}` although nothing woke it"),
        Kind::Run => format!("`{to}` goes on when `{of}` has taken {} steps", place.ordinal),
        // A choice.
        _ if let Some(variation) = crate::world::variation_at(place.site) => {
            let not = if *value == 0 { "not " } else { "" };
            format!("of the host: {not}{}", variation.in_words())
        }
        _ => match (known, value) {
            (Some("host varies"), 0) => "the host does what its scenario says".to_owned(),
            (Some("host varies"), _) => "the host does more than its scenario says".to_owned(),
            (Some("user cancels"), 0) => "the user does not cancel".to_owned(),
            (Some("user cancels"), _) => "the user cancels".to_owned(),
            (Some("host shuts down"), 0) => "the host does not shut down".to_owned(),
            (Some("host shuts down"), _) => "the host shuts down".to_owned(),
            (Some("cancel by"), 0) => "the cancel reaches the provider by an answer".to_owned(),
            (Some("cancel by"), _) => "the cancel reaches the provider by its signal".to_owned(),
            (Some(site), value) => format!("{site}, of `{of}`, takes value number {}", value + 1),
            (None, value) => match site {
                Some(site) => format!("`{site}`, chosen by `{of}`, is {value}"),
                None => format!("a choice, made by `{of}`, is {value}"),
            },
        },
    }
}

/// Whether a defect can be explained: it must be one that an execution shows by itself.
pub(super) fn can_explain(defect: Defect) -> bool {
    defect != Defect::Nondeterminism
}

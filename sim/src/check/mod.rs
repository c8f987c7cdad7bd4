//! Checking a provider over many schedules.
//!
//! [`check`] takes a provider of your own, [`Check::simulated`] the simulated one. The
//! [`World`](crate::world::World) runs each execution. The first that shows a [`Defect`] is kept,
//! shrunk, run again with a log, and becomes a [`Counterexample`] of the
//! [`Report`].

mod builder;
mod counterexample;
mod counterexamples;
mod durations;
mod early;
mod environment;
mod estimate;
mod execution;
mod explore;
#[cfg(feature = "proptest")]
mod known;
mod lesson;
mod mutants;
mod named;
mod pages;
mod progress;
mod real_time;
mod recorder;
mod regressions;
mod repeat;
mod replay;
mod report;
mod run;
mod search;
mod sentence;
mod subject;
mod tested;
mod tokio_uses;
mod vacuity;
#[cfg(feature = "cli")]
mod walk;
mod watchdog;
mod why;

pub use builder::{Check, check};
pub use counterexample::{Completion, Counterexample};
pub use counterexamples::Shrinking;
pub use durations::Durations;
#[cfg(feature = "real-tokio")]
pub(crate) use execution::asks_for_tokio;
pub use execution::{Breach, BreachPlace, Event, Execution};
pub use explore::explore;
#[cfg(feature = "proptest")]
pub(crate) use known::{Begin, Found, FoundSlot, Known};
pub use lesson::{Lesson, RightExecution, WrongExecution};
pub use mutants::{MutantCheck, MutantVerdict, MutantsReport, VariantVerdict};
pub use named::UnknownScenario;
pub use replay::{LeftOver, ReplayError, ReplayOrSearch, ReplayOutcome, Replayed};
pub use report::{Exercised, Goal, Report};
pub use subject::{LimitChanges, Subject, SubjectKind};
pub use vacuity::{TokioUse, Warning};
#[cfg(feature = "cli")]
pub use walk::{Alternative, AlternativeKind, Walk};
#[cfg(feature = "proptest")]
pub(crate) use watchdog::WATCHDOG;
pub use watchdog::{Hang, HangPhase};
pub use why::{DecisiveStep, Why};

pub use crate::defect::Defect;

//! Checking a provider over many schedules.
//!
//! [`check`] takes a provider of your own, [`Check::scenario`] the simulated one. The way of the
//! data: each execution is run by the [`World`](crate::world::World); the first that shows a
//! [`Defect`] is kept, shrunk, run again with a log, and becomes a
//! [`Counterexample`] of the [`Report`].

mod builder;
mod counterexample;
mod counterexamples;
mod execution;
mod mutants;
mod replay;
mod report;
mod search;
mod subject;
mod vacuity;
mod why;

pub use builder::{Check, check};
pub use counterexample::Counterexample;
pub use counterexamples::Shrinking;
pub use execution::{Breach, BreachPlace, Execution};
pub use mutants::{MutantCheck, MutantVerdict, MutantsReport, VariantVerdict};
pub use replay::{ReplayError, Replayed};
pub use report::Report;
pub use subject::{LimitChanges, Subject, SubjectKind};
pub use vacuity::Warning;
pub use why::{DecisiveStep, Why};

pub use crate::defect::Defect;

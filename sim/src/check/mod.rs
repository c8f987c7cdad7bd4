//! Checking a provider over many schedules.
//!
//! [`check`] takes a provider of your own, [`Check::simulated`] the simulated one. The
//! [`World`](crate::world::World) runs each execution. The first that shows a [`Defect`] is kept,
//! shrunk, run again with a log, and becomes a [`Counterexample`](crate::Counterexample) of the
//! [`Report`].

mod builder;
mod counterexamples;
mod defect;
mod execution;
mod mutants;
mod named;
mod proof;
mod replay;
mod report;
mod search;
mod subject;
mod vacuity;

pub use builder::{Check, check};
pub use counterexamples::Shrinking;
pub use defect::Defect;
pub(crate) use execution::defects;
pub use execution::{Breach, BreachPlace, Execution};
pub use mutants::{MutantCheck, MutantVerdict, MutantsReport, VariantVerdict};
pub use named::UnknownScenario;
pub use proof::{Proof, ProofUnit};
pub use replay::{ReplayError, Replayed};
pub use report::Report;
pub use subject::{LimitChanges, Subject, SubjectKind};
pub use vacuity::Warning;

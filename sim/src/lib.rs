//! Deterministic simulation of mail-store synchronization.
#![forbid(unsafe_code)]

mod check;
mod counterexample;
pub mod decision;
pub mod engine;
mod explain;
#[cfg(any(windows, feature = "com-vtable-testing"))]
pub mod foreign;
mod lock;
#[cfg(feature = "proptest")]
pub mod proptest;
pub mod report;
mod shrink;
pub mod strategy;
mod suggest;
mod watch;
pub mod world;

pub use check::{
    Breach, BreachPlace, Check, Defect, Execution, LimitChanges, MutantCheck, MutantVerdict,
    MutantsReport, Proof, ProofUnit, ReplayError, Replayed, Report, Shrinking, Subject,
    SubjectKind, UnknownScenario, VariantVerdict, Warning, check,
};
pub use counterexample::Counterexample;
pub use explain::{DecisiveStep, Why};

/// The read-me's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct ReadMe;

//! Deterministic simulation of mail-store synchronization.
#![forbid(unsafe_code)]

mod check;
mod defect;
pub mod engine;
#[cfg(any(windows, feature = "com-vtable-testing"))]
pub mod foreign;
#[cfg(feature = "proptest")]
pub mod proptest;
pub mod report;
mod runtime;
mod shrink;
mod suggest;
pub mod world;

pub use check::{
    Breach, BreachPlace, Check, Counterexample, DecisiveStep, Defect, Execution, LimitChanges,
    MutantCheck, MutantVerdict, MutantsReport, ReplayError, Replayed, Report, Shrinking, Subject,
    SubjectKind, UnknownScenario, VariantVerdict, Warning, Why, check,
};
use mapi_sync_engine::lock;
pub use mapi_sync_engine::{Proof, ProofUnit, decision, strategy};

/// The read-me's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct ReadMe;

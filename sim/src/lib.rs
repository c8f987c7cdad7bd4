//! Deterministic simulation of mail-store synchronization.
#![forbid(unsafe_code)]

pub mod decision;
pub mod engine;
pub mod strategy;
pub mod world;

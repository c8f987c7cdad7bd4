//! Deterministic simulation of mail-store synchronization.
#![forbid(unsafe_code)]

pub mod world;

//! Protocols in files: mutants are found by their rules, correct ones hold, and what is wrong in a
//! file is said with its place.
//!
//! A file of `mutants/` has the name of a mutant of the simulated provider, and breaks the same
//! rule first. A file of `correct/` holds. Of `bugs/`, `NAME.toml` is a design with an ordering bug
//! that other callback protocols had, its first line says which rule it breaks, and
//! `NAME-mended.toml` is the same design mended, with a proof.

mod files;
mod sights;
mod steps;

//! What the pages state, held against the code.

mod counterexample;
mod design;
mod formats;
// These two read the sources where they were built; under Wine they lie elsewhere.
#[cfg(not(windows))]
mod manifests;
#[cfg(not(windows))]
mod parity;
mod protocol;
mod readme;
mod scenarios;
mod token_edits;
mod tutorial;

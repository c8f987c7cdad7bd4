//! The tests that tokio's published package carries, with the stand-in in place of tokio.

#![cfg(test)]

// A test names it by the root of its crate.
use tokio::time;


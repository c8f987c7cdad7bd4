//! The tests that tokio's published package carries, as programs.

#![cfg(test)]

use std::env;

use tokio::runtime::{Handle, LocalRuntime, Runtime};
// A test names it by the root of its crate.
use tokio::time;

/// How many schedules each program runs under.
fn schedules() -> u64 {
    env::var("SCHEDULES").map_or(1_000, |text| text.parse().expect("SCHEDULES is a number"))
}

/// What stands in the place of `block_on`: a program awaits the future.
trait Awaits {
    fn awaits<F>(&self, future: F) -> F {
        future
    }
}

impl Awaits for Runtime {}
impl Awaits for Handle {}
impl Awaits for LocalRuntime {}

//! Two tasks that yield ten times each.

use std::hint::black_box;

use mapi_sync_sim::engine::{self, Engine};

use super::in_turn::in_turn;

pub(crate) const TASKS: usize = 2;
pub(crate) const YIELDS: usize = 10;

async fn yields() {
    for _ in 0..YIELDS {
        engine::yield_now().await;
    }
}

/// Runs them once, and returns the number of steps.
pub(crate) fn simulated(engine: &mut Engine, index: u64) -> u64 {
    let main = async {
        for _ in 0..TASKS {
            engine::spawn("yields", yields());
        }
    };
    let outcome = black_box(engine.execute(index, main));
    outcome.expect("the strategy goes on for ever").steps
}

/// Polls them once, boxed anew.
pub(crate) fn bare() {
    in_turn([(); TASKS].map(|()| Box::pin(yields()) as _));
}

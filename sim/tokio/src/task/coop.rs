//! The cooperative budget: `tokio::task::coop`.
//!
//! Inside an execution each `await` of a primitive ends its segment, so few tasks ever use their
//! budget up: those that only read and write streams in memory.

use std::cell::Cell;
#[cfg(feature = "io-util")]
use std::task::{Context, Poll};

use mapi_sync_engine as engine;
pub use real::task::coop::poll_proceed;
pub use real::task::coop::{Coop, RestoreOnPending, Unconstrained, cooperative, unconstrained};

use crate::inside::is_inside;

/// Uses one unit of the budget up, and yields if none is left. Inside an execution it always
/// yields: this is where another task may go first.
pub async fn consume_budget() {
    if is_inside() {
        engine::yield_now().await;
    } else {
        real::task::coop::consume_budget().await;
    }
}

/// Whether budget is left.
#[must_use]
pub fn has_budget_remaining() -> bool {
    if is_inside() { left() > 0 } else { real::task::coop::has_budget_remaining() }
}

/// How many operations without an end of their segment a task may do in one segment, as in tokio.
const BUDGET: u8 = 128;

thread_local! {
    /// The segment whose budget this is, by its execution and its step, and what is used of it.
    static USED: Cell<(u64, u64, u8)> = const { Cell::new((0, 0, 0)) };
}

/// What is left of the running segment's budget.
fn left() -> u8 {
    let (execution, step, used) = USED.get();
    let is_own = engine::execution() == Some(execution) && engine::current_step() == step;
    if is_own { BUDGET - used } else { BUDGET }
}

/// Uses one unit of the running segment's budget up. If none is left the segment ends, and the task
/// can run again. Outside of an execution it is ready.
#[cfg(feature = "io-util")]
pub(crate) fn proceed(cx: &Context<'_>) -> Poll<()> {
    let Some(execution) = engine::execution() else { return Poll::Ready(()) };
    let left = left();
    if left == 0 {
        cx.waker().wake_by_ref();
        return Poll::Pending;
    }
    USED.set((execution, engine::current_step(), BUDGET - left + 1));
    Poll::Ready(())
}

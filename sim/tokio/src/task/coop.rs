//! The cooperative budget: `tokio::task::coop`.
//!
//! Inside an execution each `await` of a primitive ends its segment, so no task ever uses its
//! budget up.

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

/// Whether budget is left. Inside an execution it always is.
#[must_use]
pub fn has_budget_remaining() -> bool {
    is_inside() || real::task::coop::has_budget_remaining()
}

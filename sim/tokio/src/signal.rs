//! Signals: `tokio::signal`. Inside an execution they are refused by name.

use std::io::Result;

pub use real::signal::*;

use crate::inside::refuse;

/// Waits for Ctrl-C.
///
/// # Errors
///
/// As the real one has.
///
/// # Panics
///
/// Inside an execution.
pub async fn ctrl_c() -> Result<()> {
    refuse(
        "tokio::signal::ctrl_c",
        "signals come from outside. Give the program a future that ends it, such as the receiver \
         of a `tokio::sync::oneshot`",
    );
    real::signal::ctrl_c().await
}

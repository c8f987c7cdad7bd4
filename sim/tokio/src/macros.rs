//! `select!`, and what its expansion needs.

use mapi_sync_engine as engine;
#[doc(hidden)]
pub use real;

use crate::inside::is_inside;

/// Waits for the first of several futures, and drops the others: the grammar is that of
/// `tokio::select!`.
///
/// Without `biased;` the branch that is polled first is drawn at each poll. Inside an execution
/// that is a decision, which shrinks to the first branch.
#[macro_export]
macro_rules! select {
    (biased; $($branches:tt)*) => {
        $crate::macros::real::select!(biased; $($branches)*)
    };
    (else => $($otherwise:tt)*) => {
        $crate::macros::real::select!(else => $($otherwise)*)
    };
    () => {
        ::core::compile_error!("select! requires at least one branch.")
    };
    ($($branches:tt)*) => {
        $crate::macros::real::select!(
            @{ start={ $crate::macros::first_branch(BRANCHES) }; () } $($branches)*
        )
    };
}

/// The branch of a `select!` that is polled first, of `branches`.
#[doc(hidden)]
#[must_use]
pub fn first_branch(branches: u32) -> u32 {
    if is_inside() {
        engine::choose("select", branches)
    } else {
        real::macros::support::thread_rng_n(branches)
    }
}

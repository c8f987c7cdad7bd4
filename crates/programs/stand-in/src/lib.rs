//! tokio for the crates' own tests: the stand-in, but a `#[tokio::test]` is a check.

/// What the attribute expands to.
#[doc(hidden)]
pub use mapi_sync_sim as sim;
pub use mapi_sync_tokio::*;
pub use stand_in_macros::test;

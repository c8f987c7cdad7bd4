//! What is expected.

/// Each check of a program, in the order in which they run: the crate and the program, the check,
/// and what comes of it.
pub const PROGRAMS: &[(&str, &str, &str)] = &[
    ("async_imap session_of_commands", "default", "held"),
    ("async_imap idle", "default", "held"),
    ("bb8 users", "default", "found: deadlock"),
    ("bb8 drops", "default", "held"),
    ("bb8 drops", "cancellations", "certified"),
    ("deadpool users", "default", "held"),
    ("deadpool users", "exhaustive", "certified"),
    ("deadpool drops", "default", "held"),
    ("deadpool drops", "cancellations", "certified"),
    ("hyper requests", "default", "held"),
    ("hyper shutdown", "default", "held"),
    ("moka one_load", "default", "held"),
    ("moka one_load", "exhaustive", "certified"),
    ("moka drops", "default", "held"),
    ("moka drops", "cancellations", "certified"),
    ("tokio_stream map", "default", "held"),
    ("tokio_stream chunks", "default", "held"),
    ("tokio_stream chunks", "exhaustive", "certified"),
    ("tokio_util tracker", "default", "held"),
    ("tokio_util delays", "default", "held"),
    ("tokio_util delays", "exhaustive", "certified"),
    ("tower buffer", "default", "held"),
    ("tower limit", "default", "held"),
];

/// The crates' own tests that do not hold, and why.
pub const NOT_HELD: &[(&str, &str)] = &[
    ("deadpool_managed::closing", "expects that a spawned task runs within one `yield_now`"),
    ("deadpool_managed::retain", "measures how old a connection is with the clock of `std`"),
    ("deadpool_managed_deadlock::pool_drained", "expects the order of spawned tasks"),
    (
        "deadpool_managed_resize::resize_pool_grow_concurrent",
        "expects that a spawned task runs within one `yield_now`",
    ),
    ("tokio_util_task_tracker::spawn_local::spawn_after_close", "needs a local runtime"),
    ("tokio_util_task_tracker::spawn_local::spawn_then_close", "needs a local runtime"),
];

/// The crates' own tests that are compiled and not run, by a part of their names, and why.
pub const SKIPPED: &[(&str, &str)] = &[
    ("bb8_test", "bb8 measures its timeouts with the clock of `std`, and counts in statics"),
    ("deadpool_managed_cancellation::test_cancellations", "tries too many cases in one test"),
];

/// How many of the crates' own tests hold.
pub const HELD: usize = 88;

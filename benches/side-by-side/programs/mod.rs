//! The programs, as a module of each peer. A peer without an item of tokio's leaves that feature
//! out.

mod aborts;
#[cfg(feature = "broadcast")]
mod broadcast;
mod intervals;
#[cfg(feature = "join-set")]
mod join_set;
mod mpsc;
mod mutex;
mod notify;
mod select_loops;
mod timeouts;
mod watch;

use side_by_side::Program;

/// The programs that the peer has all items for, in the order of the table.
pub(crate) const ALL: &[(&str, Program)] = &[
    ("timeouts", || Box::pin(timeouts::program())),
    ("intervals", || Box::pin(intervals::program())),
    ("select_loops", || Box::pin(select_loops::program())),
    ("aborts", || Box::pin(aborts::program())),
    #[cfg(feature = "join-set")]
    ("join_set", || Box::pin(join_set::program())),
    ("mpsc", || Box::pin(mpsc::program())),
    ("mutex", || Box::pin(mutex::program())),
    ("notify", || Box::pin(notify::program())),
    #[cfg(feature = "broadcast")]
    ("broadcast", || Box::pin(broadcast::program())),
    ("watch", || Box::pin(watch::program())),
];

//! Tasks: `tokio::task`.

pub mod coop;
mod id;
mod join;
mod join_set;
mod local;
mod spawned;

use std::future::Future;

use mapi_sync_engine as engine;
pub use real::task::LocalKey;

#[doc(hidden)]
pub use self::coop::{Unconstrained, consume_budget, unconstrained};
pub use self::id::{Id, id, try_id};
pub use self::join::{AbortHandle, JoinError, JoinHandle};
pub use self::join_set::JoinSet;
pub use self::local::{LocalEnterGuard, LocalSet, spawn_local};
use crate::inside::is_inside;

/// Futures of this module.
pub mod futures {
    pub use real::task::futures::TaskLocalFuture;
}

/// Starts a task.
///
/// Inside an execution it is a task of the engine. It may run before this returns, within
/// [`Limits::early_segments`](engine::Limits::early_segments), as on a runtime with several
/// threads.
///
/// # Panics
///
/// Outside of an execution and of a runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    if is_inside() {
        spawned::spawn(future, true)
    } else {
        JoinHandle::real(real::task::spawn(future))
    }
}

/// Runs a blocking closure apart from the tasks.
///
/// Inside an execution it is a task, and the closure one segment of it.
///
/// # Panics
///
/// Outside of an execution and of a runtime.
#[track_caller]
pub fn spawn_blocking<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    if is_inside() {
        spawned::spawn(async { f() }, false)
    } else {
        JoinHandle::real(real::task::spawn_blocking(f))
    }
}

/// Runs a blocking closure in this task. Inside an execution it is part of the running segment.
///
/// # Panics
///
/// Outside of an execution on a runtime of one thread.
#[cfg(feature = "rt-multi-thread")]
#[track_caller]
pub fn block_in_place<F, R>(f: F) -> R
where
    F: FnOnce() -> R,
{
    if is_inside() { f() } else { real::task::block_in_place(f) }
}

/// Lets other tasks run.
pub async fn yield_now() {
    if is_inside() {
        engine::yield_now().await;
    } else {
        real::task::yield_now().await;
    }
}

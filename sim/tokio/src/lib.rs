//! tokio under control.
//!
//! This crate has the interface of [tokio](https://docs.rs/tokio) 1.x and stands in for it by one
//! line in a manifest:
//!
//! ```toml
//! [dependencies]
//! tokio = { package = "mapi-sync-tokio", version = "0.1", features = ["full"] }
//! ```
//!
//! What it does is decided at run time. Inside an [execution](mapi_sync_engine) every task, timer
//! and primitive is under the engine's control: schedules are chosen, time is virtual, and a
//! search can run every schedule. Outside, everything is the real tokio, so the same binary works
//! in production.
//!
//! # Inside an execution
//!
//! - [`spawn`], [`task`]: a task of the engine. As a runtime does that is dropped, the execution
//!   ends when its main task has ended, and drops the other tasks. A task that panics gives its
//!   panic to whoever joins it; a panic that nobody takes is the execution's.
//! - [`time`]: virtual time in whole milliseconds. [`time::sleep`] stands for work, so it may be
//!   late where the limits allow that; [`time::timeout`], [`time::interval`], [`time::sleep_until`]
//!   and a paused clock are exact.
//! - [`sync`]: the real primitives, wrapped so that the engine knows their uses. Each `await` of
//!   one begins a segment of its own; what does not wait, such as `try_lock` and `send` of an
//!   unbounded channel, acts within the running segment.
//! - [`select!`]: the branch that is polled first is a decision. With `biased;` it is not.
//! - [`runtime`]: a handle to the execution. [`runtime::Runtime::block_on`] cannot suspend the task
//!   that calls it, so it only runs a future that needs no other task.
//! - `fs`, `net`, `process`, `signal` are outside of control: an execution has neither a reactor
//!   nor threads for them.
//!
//! What is made outside and used inside, or the other way round, keeps its nature if it is a task
//! or a timer. Primitives of [`sync`] work on both sides.

#![forbid(unsafe_code)]

#[cfg(feature = "fs")]
pub mod fs;
mod inside;
pub mod io;
#[doc(hidden)]
pub mod macros;
#[cfg(feature = "net")]
pub mod net;
pub mod runtime;
#[cfg(feature = "signal")]
pub mod signal;
pub mod sync;
pub mod task;
pub mod time;

#[cfg(feature = "process")]
pub use real::process;
pub use real::{join, main, pin, task_local, test, try_join};

pub use self::task::spawn;

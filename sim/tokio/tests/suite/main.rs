//! Each program inside of executions, in every schedule, and on the real tokio.

// The name under which programs know it.
extern crate mapi_sync_tokio as tokio;

mod common;
mod io;
mod macros;
mod runtime;
mod sync;
mod task;
mod time;

//! What a check of a foreign mail-store provider needs from its process: a debugger loop around a
//! child process, the loading of a store from a DLL, figures of the process itself, and the last
//! words of a process that ends inside of a task's code.
//!
//! A foreign provider is one behind a COM method table, in C++ or in another DLL. This crate serves
//! `mapi-sync-sim` and the tests of the COM adapter. It keeps these Windows calls
//! out of `mapi-sync`, which is loaded into Outlook's process. Its API may change in any version.

#[cfg(windows)]
mod apartment;
#[cfg(windows)]
mod debugger;
#[cfg(windows)]
mod dump;
mod fatal;
#[cfg(windows)]
mod job;
#[cfg(windows)]
mod library;
mod loader_lock;
#[cfg(windows)]
mod mapi;
#[cfg(windows)]
mod modules;
mod process;
#[cfg(windows)]
mod session;
#[cfg(windows)]
mod spray;
#[cfg(windows)]
mod wire;
#[cfg(windows)]
mod words;

#[cfg(windows)]
pub use apartment::Apartment;
#[cfg(windows)]
pub use debugger::{Crash, DebugEvent, Debugged, announce};
pub use fatal::name_task_of_fatal_signal;
#[cfg(windows)]
pub use library::{Library, LoadError, QueryError, query_sync};
pub use loader_lock::holds_loader_lock;
#[cfg(windows)]
pub use mapi::{MapiCounts, MapiThreads};
#[cfg(any(windows, feature = "com-vtable-testing"))]
pub use process::open_handles;
pub use process::{private_kib, resident_kib, threads};
#[cfg(windows)]
pub use session::Session;
#[cfg(windows)]
pub use spray::Spray;
#[cfg(windows)]
pub use wire::{Wire, open_wire};
#[cfg(windows)]
pub use words::windows_error;

//! What a check of a foreign mail-store provider needs from its process: a debugger loop around a
//! child process, the loading of a store from a DLL, figures of the process itself, and the last
//! words of a process that ends inside of a task's code.
//!
//! A foreign provider is one behind a COM method table, in C++ or in another DLL. This crate serves
//! `mapi-sync-sim` and the tests of the COM adapter. It keeps these Windows calls
//! out of `mapi-sync`, which is loaded into Outlook's process. Its API may change in any version.

#[cfg(windows)]
mod debugger;
mod fatal;
#[cfg(windows)]
mod library;
mod process;

#[cfg(windows)]
pub use debugger::{DebugEvent, Debugged};
pub use fatal::name_task_of_fatal_signal;
#[cfg(windows)]
pub use library::{LoadError, load_store};
#[cfg(any(windows, feature = "com-vtable-testing"))]
pub use process::open_handles;
pub use process::{resident_kib, threads};

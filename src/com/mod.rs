//! The COM adapter: the same providers and callbacks, in a process of Outlook's or of C++'s.
//!
//! | from | to | with |
//! |---|---|---|
//! | a host's `IMAPISyncProgressCallback` | [`SyncProgressCallback`](crate::SyncProgressCallback) | [`query_callback`] |
//! | a [`SyncProgressCallback`](crate::SyncProgressCallback) | a COM object | [`Inbound`] |
//! | a [`MapiSync`](crate::MapiSync) | a COM object, or a part of one | [`Provider`], [`SyncAggregate`] |
//! | a foreign `IMAPISync` | [`MapiSync`](crate::MapiSync) | [`ForeignSync`] |
//!
//! On Windows the room is always here. Elsewhere the feature `com-vtable-testing` builds it, so that the method tables can
//! be called there too, from C++ as well; handles are then those of a table in this process.
//!
//! Three things hold on every path: an HRESULT goes through untouched, a panic never leaves a method, and a sync whose
//! start succeeded ends with one Done, its references given back and its event signalled, in this order.
#![expect(unsafe_code, reason = "this room speaks to foreign memory through COM's method tables")]

mod abi;
mod aggregate;
mod block;
mod deferred;
mod foreign;
mod guard;
mod inbound;
mod kernel;
#[cfg(windows)]
mod library;
mod outbound;
mod provider;
mod queue;
mod session;
mod thread;
mod utf16;
mod worker;

pub use abi::{
    IMAPISync, IMAPISync_Impl, IMAPISync_Vtbl, IMAPISyncProgressCallback,
    IMAPISyncProgressCallback_Impl, IMAPISyncProgressCallback_Vtbl, MAPISIB,
};
pub use aggregate::SyncAggregate;
pub use foreign::ForeignSync;
pub use inbound::Inbound;
pub use kernel::{Waited, events, open_handles, threads, wait};
#[cfg(windows)]
pub use library::{LoadError, load_store};
pub use outbound::query_callback;
pub use provider::Provider;
pub use session::ComSession;
pub use thread::{live_objects, live_workers};
pub use windows_core::IUnknown;

#[cfg(all(windows, feature = "trace"))]
pub(crate) use thread::spawn;

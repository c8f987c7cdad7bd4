//! The COM adapter: the same providers and callbacks, in a process of Outlook's or of C++'s.
//!
//! | from | to | with |
//! |---|---|---|
//! | a host's `IMAPISyncProgressCallback` | [`SyncProgressCallback`](crate::SyncProgressCallback) | [`query_callback`] |
//! | a [`SyncProgressCallback`](crate::SyncProgressCallback) | a COM object | [`Inbound`] |
//! | a [`MapiSync`](crate::MapiSync) | a COM object, or a part of one | [`Provider`], [`SyncAggregate`] |
//! | a foreign `IMAPISync` | [`MapiSync`](crate::MapiSync) | [`ForeignSync`] |
//!
//! On Windows the room is always here. Elsewhere the feature `com-vtable-testing` builds it, so
//! that the method tables can be called there too, from C++ as well; handles are then those of a
//! table in this process.
//!
//! Three things hold on every path: an HRESULT goes through untouched, a panic never leaves a
//! method, and a sync whose start succeeded ends with one Done, its references given back and its
//! event signalled, in this order.
//!
//! Foreign memory and foreign functions are met in `abi` only, which gives the rest of this room
//! safe types and calls.

mod abi;
mod block;
mod deferred;
mod foreign;
mod guard;
mod inbound;
mod kernel;
mod outbound;
mod provider;
mod queue;
mod session;
mod thread;
mod worker;

#[cfg(windows)]
pub use abi::{DebugEvent, Debugged, LoadError, load_store};
pub use abi::{
    IMAPISync, IMAPISync_Impl, IMAPISync_Vtbl, IMAPISyncProgressCallback,
    IMAPISyncProgressCallback_Impl, IMAPISyncProgressCallback_Vtbl, MAPISIB, SyncAggregate,
};
pub use block::Waited;
pub use foreign::ForeignSync;
pub use inbound::Inbound;
pub use kernel::{events, open_handles, resident_kib, threads, wait};
pub use outbound::query_callback;
pub use provider::Provider;
pub use session::ComSession;
#[cfg(all(windows, feature = "trace"))]
pub(crate) use thread::spawn;
pub use thread::{live_objects, live_workers};
pub use windows_core::IUnknown;

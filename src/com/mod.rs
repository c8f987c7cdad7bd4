//! The COM adapter: the same providers and callbacks, in the process of Outlook or of a C++ host.
//!
//! | from | to | with |
//! |---|---|---|
//! | a host's `IMAPISyncProgressCallback` | [`SyncProgressCallback`](crate::SyncProgressCallback) | [`query_callback`] |
//! | a [`SyncProgressCallback`](crate::SyncProgressCallback) | a COM object | [`Inbound`] |
//! | a [`MapiSync`](crate::MapiSync) | a COM object, or a part of one | [`Provider`], [`SyncAggregate`] |
//! | a foreign `IMAPISync` | [`MapiSync`](crate::MapiSync) | [`ForeignSync`] |
//!
//! On Windows this module is always built. Elsewhere the feature `com-vtable-testing` builds it, so
//! that Rust and C++ can call the method tables there too. Handles are then entries of a table in
//! this process.
//!
//! Three things hold on every path: an HRESULT goes through unchanged, a panic never leaves a
//! method, and a sync whose start succeeded ends with one Done, with its references released and
//! with its event signalled, in this order.
//!
//! Only `abi` touches foreign memory and foreign functions. It gives the other files of this module
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

pub use abi::{
    IMAPISync, IMAPISync_Impl, IMAPISync_Vtbl, IMAPISyncProgressCallback,
    IMAPISyncProgressCallback_Impl, IMAPISyncProgressCallback_Vtbl, MAPISIB, SyncAggregate,
};
pub use foreign::ForeignSync;
pub use inbound::Inbound;
#[cfg(not(windows))]
pub use kernel::process_events;
pub use kernel::{Waited, events, wait};
pub use outbound::query_callback;
pub use provider::Provider;
pub use session::ComSession;
#[cfg(all(windows, feature = "trace"))]
pub(crate) use thread::spawn;
pub use thread::{live_objects, live_workers};
pub use windows_core::IUnknown;

//! The COM adapter: the same providers and callbacks, in Outlook's process or with C++.
//!
//! | from | to | with |
//! |---|---|---|
//! | a host's `IMAPISyncProgressCallback` | [`SyncProgressCallback`](crate::SyncProgressCallback) | [`query_callback`] |
//! | a [`SyncProgressCallback`](crate::SyncProgressCallback) | a COM object | [`Inbound`] |
//! | a [`MapiSync`](crate::MapiSync) | a COM object, or a part of one | [`Provider`], [`SyncAggregate`] |
//! | a foreign `IMAPISync` | [`MapiSync`](crate::MapiSync) | [`ForeignSync`] |
//!
//! On Windows this module is always built. Elsewhere the feature `com-vtable-testing` builds it, so
//! that tests can call the method tables there, from C++ too. The event handles then come from a
//! table in this process.
//!
//! Three things hold on every path. An HRESULT passes through unchanged. A panic never leaves a
//! method. A sync whose start succeeded ends with one Done, then gives its references back, then
//! signals its event.
//!
//! Only `abi` touches foreign memory and foreign functions. It offers safe types and calls to the
//! rest of this module.

#[cfg(panic = "abort")]
compile_error!(
    "the COM adapter needs `panic = \"unwind\"` in the profile: otherwise a panic of a provider \
     ends Outlook, and no sync gets its Done"
);

mod abi;
mod block;
mod deferred;
mod entry;
mod foreign;
mod guard;
mod inbound;
mod incident;
mod kernel;
mod outbound;
mod provider;
mod queue;
mod session;
mod thread;
mod worker;

#[cfg(all(windows, target_env = "msvc", feature = "etw"))]
pub(crate) use abi::EtwProvider;
pub use abi::{
    IMAPIProviderShutdown, IMAPIProviderShutdown_Impl, IMAPIProviderShutdown_Vtbl, IMAPISync,
    IMAPISync_Impl, IMAPISync_Vtbl, IMAPISyncProgressCallback, IMAPISyncProgressCallback_Impl,
    IMAPISyncProgressCallback_Vtbl, MAPISIB, SyncAggregate,
};
pub use block::Waited;
pub use entry::{Entered, ThreadEntry};
pub use foreign::ForeignSync;
pub use guard::{PARKED_MOST, parked_threads};
pub use inbound::Inbound;
pub use incident::Incident;
#[cfg(not(windows))]
pub use kernel::process_events;
pub use kernel::{events, wait};
pub use outbound::query_callback;
pub use provider::Provider;
pub use session::ComSession;
#[cfg(all(windows, feature = "trace"))]
pub(crate) use thread::{Form, spawn};
pub use thread::{can_unload_now, live_objects, live_workers};
pub use windows_core::IUnknown;

//! Outlook's background synchronization of a mail store, as async Rust.
//!
//! Write a store provider against this crate, check it against the contract on any system, and load
//! it into Outlook on Windows. Outlook calls [`IMAPISync::SynchronizeInBackground`](MapiSync) on a
//! store; the provider works in the background and reports through
//! [`IMAPISyncProgressCallback`](SyncProgressCallback). The rules of who may call what, when, and
//! what happens to the event handle in between are easy to break under rare timing. This crate has
//!
//! - the **raw interface**: [`MapiSync`], [`SyncRequest`], [`SyncProgressCallback`], [`Events`],
//!   [`ProviderShutdown`], [`HResult`]. It can express every mistake, because tests must make them;
//! - the **session** on top of it: [`SyncRequest::start`] and [`SyncSession`]. It sends Done
//!   exactly once, last, on every path;
//! - the [**contract**](contract): the rules as data, and a monitor that checks calls against them
//!   anywhere;
//! - the **COM adapter**, the module `com`: it connects providers and callbacks to Outlook, or to
//!   C++.
//!
//! The crate `mapi-sync-sim` runs a provider under thousands of schedules, faults and cancels in
//! virtual time.
//!
//! # A provider
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use mapi_sync::contract::{Monitor, MonitorConfig};
//! use mapi_sync::*;
//!
//! struct Store;
//!
//! #[async_trait]
//! impl MapiSync for Store {
//!     async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
//!         request.start(|session| async move {
//!             for message in 1..=3 {
//!                 session.sleep(Duration::from_millis(1)).await;
//!                 session.progress(Some("Inbox"), message, 3).await;
//!             }
//!             session.done(HResult::S_OK).await
//!         })
//!     }
//! }
//!
//! /// A host that prints every call.
//! struct Host;
//!
//! #[async_trait]
//! impl SyncProgressCallback for Host {
//!     async fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> HResult {
//!         println!("{} {index}/{index_max}", text.unwrap_or_default());
//!         HResult::S_OK
//!     }
//!
//!     async fn error(&self, result: HResult, text: Option<&str>) -> HResult {
//!         println!("{result} {}", text.unwrap_or_default());
//!         HResult::S_OK
//!     }
//!
//!     async fn done(&self, _event: RawEvent, status: HResult) -> HResult {
//!         println!("done: {status}");
//!         HResult::S_OK
//!     }
//! }
//!
//! # #[cfg(not(feature = "tokio"))]
//! # fn main() {}
//! # #[cfg(feature = "tokio")]
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() {
//!     let events: Arc<dyn Events> = Arc::new(ProcessEvents::new());
//!     let runtime = Arc::new(TokioRuntime::current(Arc::clone(&events)));
//!     let monitor = Monitor::new(MonitorConfig::default(), || 0);
//!     let host_events = monitor.host_events(events);
//!
//!     let request = SyncRequest::new(Arc::new(Host), runtime);
//!     let out = Arc::clone(request.event_out());
//!     let result = monitor.watch(Store).synchronize_in_background(request).await;
//!     assert_eq!(result, HResult::S_OK);
//!
//!     host_events.wait(out.published()).await;
//!     host_events.close(out.published());
//!     assert_eq!(monitor.finish(), []);
//! }
//! ```
//!
//! # Features
//!
//! - `tokio` (default): [`TokioRuntime`], for production and for tests in real time.
//! - `trace`: the module `record`, which writes the calls of a production process to a file, and
//!   checks such files.
//! - `etw`: those calls as events of Event Tracing for Windows too. It adds nothing but on Windows
//!   with MSVC's toolchain.
//! - `tracing`: what goes wrong in the COM adapter, as events of the crate `tracing`.
//! - `com-vtable-testing`: the COM adapter off Windows, for tests of its method tables. On Windows
//!   the adapter is always built.
//!
//! # More to read
//!
//! - [The contract](_documentation::contract): every rule, with a wrong trace and a right one.
//! - [Rules of your own](_documentation::own_rules): how to write one.
//! - [The design](_documentation::design): why the modules are cut as they are.
//! - [Terms](_documentation::terms): one word for each thing.
//! - [The tutorial](_documentation::tutorial): a bug is found, explained and mended.
//! - [Scenario files](_documentation::scenarios): their reference.
//! - [Contributing](_documentation::contributing): how to add a rule, a strategy, a fault or a
//!   report format.
//!
//! # What this crate does not do
//!
//! It talks to no mail server and keeps no mail: that is the provider's work. And it does not make
//! a provider correct: the session makes the callback contract hard to break, and the contract and
//! the simulation make breaches easy to find.

pub mod _documentation;
mod callback;
mod cancel;
#[cfg(all(feature = "tokio", any(windows, feature = "com-vtable-testing")))]
pub mod com;
pub mod contract;
mod event;
mod flags;
mod handles;
mod hresult;
mod lock;
mod provider;
#[cfg(feature = "trace")]
pub mod record;
mod runtime;
mod session;
mod shutdown;

pub use async_trait::async_trait;
pub use callback::{CallbackRef, CallbackUnknown, SyncProgressCallback};
pub use cancel::CancelSignal;
pub use event::{EventOut, EventSlot, Events, OwnedEvent, ProcessEvents, RawEvent};
pub use flags::{ParseSyncFlagsError, SyncFlags};
pub use hresult::{HResult, ParseHResultError, Severity};
pub use provider::{MapiSession, MapiSync, SyncRequest};
#[cfg(feature = "tokio")]
pub use runtime::TokioRuntime;
pub use runtime::{BoxFuture, Runtime, Shared, Task, TaskEnd, TaskHandle};
pub use session::{Elapsed, Reporter, SyncDone, SyncSession, catch_panic};
pub use shutdown::{ProviderShutdown, ShutdownMethod, UnknownShutdownMethod};

//! Outlook's background synchronization interface as async Rust.

mod callback;
mod cancel;
pub mod contract;
mod event;
mod flags;
mod hresult;
mod provider;
mod runtime;
mod session;

pub use async_trait::async_trait;

pub use callback::{CallbackRef, CallbackUnknown, SyncProgressCallback};
pub use cancel::CancelSignal;
pub use event::{EventOut, EventSlot, Events, OwnedEvent, ProcessEvents, RawEvent};
pub use flags::{ParseSyncFlagsError, SyncFlags};
pub use hresult::{HResult, ParseHResultError, Severity};
pub use provider::{MapiSession, MapiSync, SyncRequest};
#[cfg(feature = "tokio")]
pub use runtime::TokioRuntime;
pub use runtime::{BoxFuture, Runtime, Task, TaskEnd, TaskHandle};
pub use session::{Reporter, SyncDone, SyncSession};

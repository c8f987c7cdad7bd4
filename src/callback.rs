//! `IMAPISyncProgressCallback`: the calls that a sync makes to its host.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{HResult, RawEvent};

/// `IMAPISyncProgressCallback`: implemented by the host, called by the provider.
///
/// This is the raw interface. It can express every mistake, because tests must make them: Done
/// twice, a Progress after Done, a Release too many. Production code calls it through
/// [`SyncSession`](crate::SyncSession), which cannot make them.
///
/// A call *begins* when its future is first polled and *ends* when the future completes or is
/// dropped.
///
/// Source: "IMAPISyncProgressCallback : IUnknown" in Microsoft's Outlook MAPI reference.
#[async_trait]
pub trait SyncProgressCallback: Send + Sync {
    /// Updates the status in the Send/Receive dialog.
    ///
    /// `text` is the current step, or `None` (NULL) to update the position only. `index` is the
    /// position and `index_max` the position that means complete.
    async fn progress(&self, text: Option<&str>, index: u32, index_max: u32) -> HResult;

    /// Shows the details of an error or a warning in the dialog. `None` stands for a NULL pointer,
    /// which the contract forbids.
    async fn error(&self, result: HResult, text: Option<&str>) -> HResult;

    /// Reports that the sync is complete and hands the event back, or NULL.
    async fn done(&self, event: RawEvent, status: HResult) -> HResult;

    /// `IUnknown::AddRef`: the provider takes one more reference.
    ///
    /// The [`Arc`] manages the memory, so the default does nothing. Override it to count.
    fn add_ref(&self) {}

    /// `IUnknown::Release`: the provider gives one reference back.
    fn release(&self) {}
}

/// One counted reference to a callback. A successful QueryInterface or a clone (AddRef) makes one;
/// its drop gives it back (Release).
pub struct CallbackRef {
    callback: Arc<dyn SyncProgressCallback>,
    /// Whether the drop calls Release.
    releases: bool,
}

impl CallbackRef {
    /// Takes a new reference to `callback`.
    #[must_use]
    pub fn new(callback: Arc<dyn SyncProgressCallback>) -> Self {
        callback.add_ref();
        Self::counted(callback)
    }

    /// Takes over a reference that is counted already, as QueryInterface returns it.
    #[must_use]
    pub fn counted(callback: Arc<dyn SyncProgressCallback>) -> Self {
        Self { callback, releases: true }
    }

    /// The callback with the reference: the caller must call Release.
    #[must_use = "the reference is leaked unless it is released"]
    pub fn into_callback(mut self) -> Arc<dyn SyncProgressCallback> {
        self.releases = false;
        Arc::clone(&self.callback)
    }
}

impl Clone for CallbackRef {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.callback))
    }
}

impl Drop for CallbackRef {
    fn drop(&mut self) {
        if self.releases {
            self.callback.release();
        }
    }
}

impl Deref for CallbackRef {
    type Target = dyn SyncProgressCallback;

    fn deref(&self) -> &Self::Target {
        &*self.callback
    }
}

impl fmt::Debug for CallbackRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackRef")
    }
}

/// The object behind `MAPISIB::punkCallBack`, which is asked for the callback interface.
pub trait CallbackUnknown: Send + Sync {
    /// Asks for `IMAPISyncProgressCallback` (`QueryInterface`).
    ///
    /// # Errors
    ///
    /// [`HResult::E_NOINTERFACE`] when the object has no such interface, or any other failure that
    /// the object answers.
    fn query_interface(&self) -> Result<CallbackRef, HResult>;
}

/// An unknown over a given callback: it always has the interface.
pub(crate) struct KnownCallback(pub(crate) Arc<dyn SyncProgressCallback>);

impl CallbackUnknown for KnownCallback {
    fn query_interface(&self) -> Result<CallbackRef, HResult> {
        Ok(CallbackRef::new(Arc::clone(&self.0)))
    }
}

//! `IMAPISyncProgressCallback`: what the host hears from a sync.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{HResult, RawEvent};

/// Mirror of `IMAPISyncProgressCallback`: implemented by the host, called by the provider.
///
/// It can express every mistake, because tests must make them: Done twice, a Progress after Done, a
/// Release too many. Production code calls it through [`SyncSession`](crate::SyncSession), which
/// cannot.
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

    /// Gives the dialog the details of an error or a warning. `None` mirrors a NULL pointer, which
    /// the contract forbids.
    async fn error(&self, result: HResult, text: Option<&str>) -> HResult;

    /// Tells the host that the sync is complete and hands the event back, or NULL.
    async fn done(&self, event: RawEvent, status: HResult) -> HResult;

    /// Mirror of `IUnknown::AddRef`: one more reference is held.
    ///
    /// Memory is the [`Arc`]'s business, so the default does nothing. Those who count override it.
    fn add_ref(&self) {}

    /// Mirror of `IUnknown::Release`: one reference less is held.
    fn release(&self) {}
}

/// One counted reference to a callback: made by a successful QueryInterface or by cloning (AddRef),
/// given back when dropped (Release).
pub struct CallbackRef {
    callback: Arc<dyn SyncProgressCallback>,
    /// Whether the Release is still owed by this.
    owed: bool,
}

impl CallbackRef {
    /// Takes a reference of its own to `callback`.
    #[must_use]
    pub fn new(callback: Arc<dyn SyncProgressCallback>) -> Self {
        callback.add_ref();
        Self::counted(callback)
    }

    /// Takes over a reference that has been counted already, as a QueryInterface gives it.
    #[must_use]
    pub fn counted(callback: Arc<dyn SyncProgressCallback>) -> Self {
        Self { callback, owed: true }
    }

    /// The callback, with the reference: whoever gets it owes the Release.
    #[must_use = "the reference is leaked unless it is released"]
    pub fn into_callback(mut self) -> Arc<dyn SyncProgressCallback> {
        self.owed = false;
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
        if self.owed {
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

/// The object behind `MAPISIB::punkCallBack`: something to ask for the callback interface.
pub trait CallbackUnknown: Send + Sync {
    /// Asks for `IMAPISyncProgressCallback` (`QueryInterface`).
    ///
    /// # Errors
    ///
    /// [`HResult::E_NOINTERFACE`] when the object has no such interface; any other failure as the
    /// object says.
    fn query_interface(&self) -> Result<CallbackRef, HResult>;
}

/// An unknown that is known to be a callback: it always has the interface.
pub(crate) struct KnownCallback(pub(crate) Arc<dyn SyncProgressCallback>);

impl CallbackUnknown for KnownCallback {
    fn query_interface(&self) -> Result<CallbackRef, HResult> {
        Ok(CallbackRef::new(Arc::clone(&self.0)))
    }
}

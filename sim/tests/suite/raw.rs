//! How a provider on the raw interface begins a sync.

use mapi_sync::{CallbackRef, HResult, OwnedEvent, SyncRequest};

/// What it has then.
pub(crate) struct RawSync {
    pub(crate) callback: CallbackRef,
    /// To be published.
    pub(crate) event: OwnedEvent,
    /// The duplicate through which the provider signals.
    pub(crate) private: OwnedEvent,
}

impl RawSync {
    /// Asks for the callback, and makes the event. Publishes nothing.
    pub(crate) fn begin(request: &SyncRequest) -> Result<Self, HResult> {
        let callback = request.query_callback()?;
        let event = OwnedEvent::create(request.runtime().events())?;
        let private = event.duplicate()?;
        Ok(Self { callback, event, private })
    }
}

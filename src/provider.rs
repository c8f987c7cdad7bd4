//! `IMAPISync`, and the `MAPISIB` that starts a sync.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::callback::KnownCallback;
use crate::{
    CallbackRef, CallbackUnknown, CancelSignal, EventOut, EventSlot, HResult, ProviderShutdown,
    RawEvent, Runtime, SyncFlags, SyncProgressCallback,
};

/// `IMAPISync`: implemented by a store provider on its store object, called by the host.
///
/// In most providers the method is one call of [`SyncRequest::start`].
///
/// Source: "IMAPISync : IUnknown" in Microsoft's Outlook MAPI reference.
#[async_trait]
pub trait MapiSync: Send + Sync {
    /// Starts a sync in the background and returns at once.
    ///
    /// After a success the event stands in [`SyncRequest::event_out`] and exactly one Done follows,
    /// perhaps before this returns. After a failure no call follows and no event stands there.
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult;

    /// `IMAPIProviderShutdown`, if the provider has it: how it learns that its host's process ends.
    /// By default it has not.
    ///
    /// The answer must always be the same.
    fn shutdown(&self) -> Option<&dyn ProviderShutdown> {
        None
    }
}

/// The MAPI session that a sync runs in (`MAPISIB::psesSync`), opaque to this crate.
#[derive(Clone)]
pub struct MapiSession(Arc<dyn Any + Send + Sync>);

impl MapiSession {
    /// A session that holds `value`; see [`downcast_ref`](Self::downcast_ref).
    pub fn new(value: impl Any + Send + Sync) -> Self {
        Self(Arc::new(value))
    }

    /// The value, if it is a `T`.
    #[must_use]
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for MapiSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MapiSession")
    }
}

/// The request that starts a sync: the content of `MAPISIB`, and the runtime to run on.
///
/// It owns all its parts, as a provider must copy what it keeps.
#[derive(Clone)]
pub struct SyncRequest {
    flags: SyncFlags,
    session: Option<MapiSession>,
    callback: Option<Arc<dyn CallbackUnknown>>,
    event_out: Arc<dyn EventOut>,
    cancel: CancelSignal,
    runtime: Arc<dyn Runtime>,
}

impl SyncRequest {
    /// A request without flags or session, with a new slot for the event.
    #[must_use]
    pub fn new(callback: Arc<dyn SyncProgressCallback>, runtime: Arc<dyn Runtime>) -> Self {
        Self {
            flags: SyncFlags::empty(),
            session: None,
            callback: Some(Arc::new(KnownCallback(callback))),
            event_out: Arc::new(EventSlot::default()),
            cancel: CancelSignal::shared_as(runtime.shared("cancel")),
            runtime,
        }
    }

    /// The same request with these flags (`ulFlags`).
    #[must_use]
    pub fn with_flags(self, flags: SyncFlags) -> Self {
        Self { flags, ..self }
    }

    /// The same request with this session (`psesSync`).
    #[must_use]
    pub fn with_session(self, session: MapiSession) -> Self {
        Self { session: Some(session), ..self }
    }

    /// The same request with this object to ask for the callback (`punkCallBack`); `None` stands
    /// for NULL.
    #[must_use]
    pub fn with_callback_unknown(self, callback: Option<Arc<dyn CallbackUnknown>>) -> Self {
        Self { callback, ..self }
    }

    /// The same request with this place for the event (`phSyncDoneEvent`).
    #[must_use]
    pub fn with_event_out(self, event_out: Arc<dyn EventOut>) -> Self {
        Self { event_out, ..self }
    }

    /// The same request with this signal to stop.
    #[must_use]
    pub fn with_cancel(self, cancel: CancelSignal) -> Self {
        Self { cancel, ..self }
    }

    /// The same request on this runtime.
    #[must_use]
    pub fn with_runtime(self, runtime: Arc<dyn Runtime>) -> Self {
        Self { runtime, ..self }
    }

    /// The flags, which say what to synchronize and how.
    #[must_use]
    pub fn flags(&self) -> SyncFlags {
        self.flags
    }

    /// The session, if the host gave one.
    #[must_use]
    pub fn session(&self) -> Option<&MapiSession> {
        self.session.as_ref()
    }

    /// The object to ask for the callback; `None` stands for NULL.
    #[must_use]
    pub fn callback_unknown(&self) -> Option<&Arc<dyn CallbackUnknown>> {
        self.callback.as_ref()
    }

    /// Asks for the callback and takes a reference to it.
    ///
    /// # Errors
    ///
    /// [`HResult::E_INVALIDARG`] when the host gave NULL, or the failure of its QueryInterface.
    pub fn query_callback(&self) -> Result<CallbackRef, HResult> {
        self.callback.as_ref().ok_or(HResult::E_INVALIDARG)?.query_interface()
    }

    /// The place for the event.
    #[must_use]
    pub fn event_out(&self) -> &Arc<dyn EventOut> {
        &self.event_out
    }

    /// The published event, NULL at first.
    #[must_use]
    pub fn published_event(&self) -> RawEvent {
        self.event_out.published()
    }

    /// The signal to stop.
    #[must_use]
    pub fn cancel(&self) -> &CancelSignal {
        &self.cancel
    }

    /// The runtime to run on.
    #[must_use]
    pub fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.runtime
    }
}

impl fmt::Debug for SyncRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncRequest")
            .field("flags", &self.flags)
            .field("session", &self.session)
            .field("has_callback", &self.callback.is_some())
            .field("published_event", &self.published_event())
            .field("cancel", &self.cancel)
            .finish_non_exhaustive()
    }
}

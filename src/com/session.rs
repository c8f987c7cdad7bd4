//! `MAPISIB::psesSync`, which this crate only hands on.

use windows_core::IUnknown;

use super::abi::FreeThreaded;

/// The host's `IMAPISession`, held with a reference: what
/// [`SyncRequest::session`](crate::SyncRequest::session) holds in a sync that was started through
/// COM.
///
/// ```
/// use mapi_sync::{SyncRequest, com::ComSession};
/// use windows_core::IUnknown;
///
/// fn hosts_session(request: &SyncRequest) -> Option<&IUnknown> {
///     Some(request.session()?.downcast_ref::<ComSession>()?.unknown())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ComSession(FreeThreaded);

impl ComSession {
    /// Holds `session`, an `IMAPISession`.
    #[must_use]
    pub fn new(session: IUnknown) -> Self {
        Self(FreeThreaded(session))
    }

    /// The session's object.
    #[must_use]
    pub fn unknown(&self) -> &IUnknown {
        &self.0.0
    }
}

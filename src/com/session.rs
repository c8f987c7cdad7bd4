//! `MAPISIB::psesSync`, which this crate only passes on.

use windows_core::IUnknown;

use super::abi::FreeThreaded;

/// A reference to the host's `IMAPISession`. In a sync that was started through COM,
/// [`SyncRequest::session`](crate::SyncRequest::session) holds one.
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

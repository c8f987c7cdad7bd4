//! `MAPISIB::psesSync`, which this crate only passes on.

use std::fmt;
use std::sync::Arc;

use windows_core::IUnknown;

use super::abi::{Held, Revocable};

/// A reference to the host's `IMAPISession`. In a sync that was started through COM,
/// [`SyncRequest::session`](crate::SyncRequest::session) holds one.
///
/// ```
/// use mapi_sync::{SyncRequest, com::ComSession};
/// use windows_core::IUnknown;
///
/// fn hosts_session(request: &SyncRequest) -> Option<&IUnknown> {
///     request.session()?.downcast_ref::<ComSession>()?.unknown()
/// }
/// ```
#[derive(Clone)]
pub struct ComSession(Arc<Revocable>);

impl ComSession {
    /// Holds `session`, an `IMAPISession`.
    #[must_use]
    pub fn new(session: IUnknown) -> Self {
        Self::held(Held::new(session))
    }

    pub(crate) fn held(session: Held) -> Self {
        Self(Arc::new(Revocable::new(session)))
    }

    /// The session's object. `None` once the adapter itself had to end the sync, because the
    /// provider could not or an exception left the host, if nobody had asked for the object by
    /// then: its reference is given back.
    #[must_use]
    pub fn unknown(&self) -> Option<&IUnknown> {
        self.0.unknown()
    }

    pub(crate) fn revoke(&self) {
        self.0.revoke();
    }
}

impl fmt::Debug for ComSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComSession").finish_non_exhaustive()
    }
}

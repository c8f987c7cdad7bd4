//! The provider: the same code in production and in a check.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mapi_sync::{HResult, MapiSync, SyncRequest, SyncSession, async_trait};

use crate::{MessageStore, Source};

/// Brings the messages of a source that a store does not have into it.
pub struct Provider {
    source: Arc<dyn Source>,
    store: Arc<dyn MessageStore>,
    is_running: Arc<AtomicBool>,
}

impl Provider {
    /// A provider between these two.
    #[must_use]
    pub fn new(source: Arc<dyn Source>, store: Arc<dyn MessageStore>) -> Self {
        Self { source, store, is_running: Arc::default() }
    }
}

#[async_trait]
impl MapiSync for Provider {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        // Two syncs at once would both store what neither has found.
        let Some(running) = Running::begin(&self.is_running) else {
            return HResult::MAPI_E_BUSY;
        };
        let (source, store) = (Arc::clone(&self.source), Arc::clone(&self.store));
        request.start(|session| async move {
            let status = match transfer(&session, &*source, &*store).await {
                Ok(status) => status,
                Err(error) => {
                    session.error(HResult::MAPI_E_CALL_FAILED, &error.to_string()).await;
                    HResult::MAPI_E_CALL_FAILED
                }
            };
            // The host may start the next sync from inside Done.
            drop(running);
            session.done(status).await
        })
    }
}

/// Returns the status of a sync that met no error.
async fn transfer(
    session: &SyncSession,
    source: &dyn Source,
    store: &dyn MessageStore,
) -> io::Result<HResult> {
    let known = store.known().await?;
    let mut entries = source.list().await?;
    entries.retain(|entry| known.get(&entry.id) != Some(&entry.flags));
    let total = u32::try_from(entries.len()).unwrap_or(u32::MAX);
    for (index, entry) in (1..).zip(&entries) {
        if session.cancel().is_requested() {
            return Ok(HResult::MAPI_E_USER_CANCEL);
        }
        if known.contains_key(&entry.id) {
            store.set_flags(entry).await?;
        } else if let Some(content) = source.fetch(&entry.id).await? {
            store.put(entry, &content).await?;
        }
        session.progress(Some(&entry.id.folder), index, total).await;
    }
    Ok(HResult::S_OK)
}

/// At most one is there for each provider.
struct Running(Arc<AtomicBool>);

impl Running {
    fn begin(is_running: &Arc<AtomicBool>) -> Option<Self> {
        let was_running = is_running.swap(true, Ordering::AcqRel);
        (!was_running).then(|| Self(Arc::clone(is_running)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

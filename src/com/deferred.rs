//! The kernel as a sync's provider sees it: as usual, except that a signal of the published event
//! is left to the worker.
//!
//! `phSyncDoneEvent` is "the event that will occur when the thread that was just created is
//! complete". A provider signals it when *its* work is complete, which is a moment too early: the
//! worker still has references to give back. So the provider's signal has no effect, and the worker
//! signals last.

use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};

use super::kernel;
use crate::handles::HandleTable;
use crate::lock::lock;
use crate::{Events, HResult, RawEvent};

/// Says which event is published, as long as the worker is going to signal it.
pub(crate) trait Published: Send + Sync {
    /// The handle in the out-pointer; `None` once the worker has signalled.
    fn awaited(&self) -> Option<RawEvent>;

    /// The provider has closed the handle in the out-pointer.
    fn closed(&self);
}

/// The kernel's events, except that only the worker signals the published one.
pub(crate) struct DeferredEvents {
    kernel: Arc<dyn Events>,
    published: Weak<dyn Published>,
    handles: Mutex<HandleTable>,
}

impl DeferredEvents {
    pub(crate) fn new(published: Weak<dyn Published>) -> Self {
        Self { kernel: kernel::events(), published, handles: Mutex::default() }
    }

    /// Whether `event` is a handle that was made here. One that was closed stays known as long as
    /// it is published.
    pub(crate) fn knows(&self, event: RawEvent) -> bool {
        lock(&self.handles).object_of(event).is_some()
    }

    /// Whether `event` is a handle to the published event, which the worker will signal.
    fn is_deferred(&self, event: RawEvent) -> bool {
        let published = self.published.upgrade().and_then(|published| published.awaited());
        let handles = lock(&self.handles);
        published.is_some_and(|published| {
            let object = handles.object_of(event);
            event == published || object.is_some() && object == handles.object_of(published)
        })
    }
}

impl Events for DeferredEvents {
    fn create(&self) -> Result<RawEvent, HResult> {
        let event = self.kernel.create()?;
        lock(&self.handles).created(event);
        Ok(event)
    }

    fn duplicate(&self, event: RawEvent) -> Result<RawEvent, HResult> {
        let copy = self.kernel.duplicate(event)?;
        lock(&self.handles).duplicated(event, copy);
        Ok(copy)
    }

    fn set(&self, event: RawEvent) -> HResult {
        if self.is_deferred(event) { HResult::S_OK } else { self.kernel.set(event) }
    }

    fn close(&self, event: RawEvent) -> HResult {
        // The published handle stays in the table: duplicates are compared with it after its close.
        let published = self.published.upgrade();
        match published.filter(|published| published.awaited() == Some(event)) {
            Some(published) => published.closed(),
            None => lock(&self.handles).closed(event),
        }
        self.kernel.close(event)
    }

    fn poll_wait(&self, event: RawEvent, cx: &mut Context<'_>) -> Poll<HResult> {
        self.kernel.poll_wait(event, cx)
    }
}

//! The waitable sync-done event: its handles, their owners, and the out-pointer that publishes one.
//!
//! A kernel event is an object with one or more *handles*. The provider creates it, publishes one
//! handle through the out-pointer, and keeps a private duplicate; the host closes the published
//! handle. [`Events`] allows every mistake in this, because tests must make them.
//! [`SyncSession`](crate::SyncSession) makes none.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::HResult;
use crate::lock::lock;

/// A `HANDLE` to an event, as a value: copying it copies no ownership.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RawEvent(usize);

impl RawEvent {
    /// The NULL handle.
    pub const NULL: Self = Self(0);

    /// The handle with this value.
    #[must_use]
    pub const fn from_value(value: usize) -> Self {
        Self(value)
    }

    /// The handle's value in the kernel's table.
    #[must_use]
    pub const fn value(self) -> usize {
        self.0
    }

    /// Whether this is the NULL handle.
    #[must_use]
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for RawEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_null() { f.write_str("NULL") } else { write!(f, "event {:#x}", self.0) }
    }
}

impl fmt::Debug for RawEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The kernel's calls on events: manual-reset, created unsignalled.
///
/// A call with a handle that is not open fails with [`HResult::E_HANDLE`].
pub trait Events: Send + Sync {
    /// Creates an event and returns its first handle (`CreateEventW`).
    ///
    /// # Errors
    ///
    /// The kernel's code when it cannot make an event, usually [`HResult::E_OUTOFMEMORY`].
    fn create(&self) -> Result<RawEvent, HResult>;

    /// Returns another handle to the same event (`DuplicateHandle`).
    ///
    /// # Errors
    ///
    /// [`HResult::E_HANDLE`], or the kernel's code when it cannot make a handle.
    fn duplicate(&self, event: RawEvent) -> Result<RawEvent, HResult>;

    /// Signals the event (`SetEvent`).
    fn set(&self, event: RawEvent) -> HResult;

    /// Closes this handle (`CloseHandle`). The event lives until its last handle is closed.
    fn close(&self, event: RawEvent) -> HResult;

    /// Polls for the event: ready with `S_OK` once it is signalled, or with a failure.
    fn poll_wait(&self, event: RawEvent, cx: &mut Context<'_>) -> Poll<HResult>;
}

impl dyn Events {
    /// Waits until the event is signalled.
    pub async fn wait(&self, event: RawEvent) -> HResult {
        std::future::poll_fn(|cx| self.poll_wait(event, cx)).await
    }
}

/// One handle. Its drop closes it.
pub struct OwnedEvent {
    events: Arc<dyn Events>,
    raw: RawEvent,
}

impl OwnedEvent {
    /// Creates an event.
    ///
    /// # Errors
    ///
    /// As [`Events::create`].
    pub fn create(events: &Arc<dyn Events>) -> Result<Self, HResult> {
        Ok(Self { raw: events.create()?, events: Arc::clone(events) })
    }

    /// Duplicates a handle that somebody else owns.
    ///
    /// # Errors
    ///
    /// As [`Events::duplicate`].
    pub fn duplicate_of(events: &Arc<dyn Events>, event: RawEvent) -> Result<Self, HResult> {
        Ok(Self { raw: events.duplicate(event)?, events: Arc::clone(events) })
    }

    /// Returns another owned handle to the same event.
    ///
    /// # Errors
    ///
    /// As [`Events::duplicate`].
    pub fn duplicate(&self) -> Result<Self, HResult> {
        Self::duplicate_of(&self.events, self.raw)
    }

    /// Signals the event.
    pub fn set(&self) -> HResult {
        self.events.set(self.raw)
    }

    /// The handle. This value still owns it.
    #[must_use]
    pub fn raw(&self) -> RawEvent {
        self.raw
    }

    /// Gives the handle away: the caller must close it.
    #[must_use = "a handle that nobody closes is leaked"]
    pub fn into_raw(mut self) -> RawEvent {
        std::mem::take(&mut self.raw)
    }
}

impl Drop for OwnedEvent {
    fn drop(&mut self) {
        if !self.raw.is_null() {
            // If the handle is closed already, somebody else made a mistake, and a destructor
            // cannot report it.
            let _ = self.events.close(self.raw);
        }
    }
}

impl fmt::Debug for OwnedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedEvent").field(&self.raw).finish()
    }
}

/// Where a provider puts the event: `MAPISIB::phSyncDoneEvent`.
///
/// The slot is valid while the start runs. The host does not look at later writes.
pub trait EventOut: Send + Sync {
    /// Writes the handle, or NULL to take it back.
    ///
    /// Fails with [`HResult::E_POINTER`] when the host gave no place to write to.
    fn publish(&self, event: RawEvent) -> HResult;

    /// The current handle, NULL at first.
    fn published(&self) -> RawEvent;
}

/// An out-pointer in this process, which a host written in Rust hands to a provider.
#[derive(Debug, Default)]
pub struct EventSlot(AtomicUsize);

impl EventOut for EventSlot {
    fn publish(&self, event: RawEvent) -> HResult {
        self.0.store(event.value(), Ordering::Release);
        HResult::S_OK
    }

    fn published(&self) -> RawEvent {
        RawEvent::from_value(self.0.load(Ordering::Acquire))
    }
}

/// Events for systems other than Windows: a table of handles in this process.
///
/// No handle value is used twice, so every use of a closed handle fails.
#[derive(Debug, Default)]
pub struct ProcessEvents {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    last: usize,
    handles: BTreeMap<usize, Arc<Mutex<Event>>>,
}

#[derive(Debug, Default)]
struct Event {
    set: bool,
    waiters: Vec<Waker>,
}

impl ProcessEvents {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many handles are open.
    #[must_use]
    pub fn open_handles(&self) -> usize {
        lock(&self.table).handles.len()
    }

    fn event(&self, event: RawEvent) -> Result<Arc<Mutex<Event>>, HResult> {
        lock(&self.table).handles.get(&event.value()).cloned().ok_or(HResult::E_HANDLE)
    }

    fn open(&self, event: Arc<Mutex<Event>>) -> RawEvent {
        let mut table = lock(&self.table);
        // Multiples of four, as kernel handles are: this also sets them apart from positions.
        table.last += 4;
        let value = table.last;
        table.handles.insert(value, event);
        RawEvent(value)
    }
}

impl Events for ProcessEvents {
    fn create(&self) -> Result<RawEvent, HResult> {
        Ok(self.open(Arc::default()))
    }

    fn duplicate(&self, event: RawEvent) -> Result<RawEvent, HResult> {
        self.event(event).map(|event| self.open(event))
    }

    fn set(&self, event: RawEvent) -> HResult {
        let event = match self.event(event) {
            Ok(event) => event,
            Err(code) => return code,
        };
        let waiters = {
            let mut event = lock(&event);
            event.set = true;
            std::mem::take(&mut event.waiters)
        };
        waiters.into_iter().for_each(Waker::wake);
        HResult::S_OK
    }

    fn close(&self, event: RawEvent) -> HResult {
        match lock(&self.table).handles.remove(&event.value()) {
            Some(_) => HResult::S_OK,
            None => HResult::E_HANDLE,
        }
    }

    fn poll_wait(&self, event: RawEvent, cx: &mut Context<'_>) -> Poll<HResult> {
        let event = match self.event(event) {
            Ok(event) => event,
            Err(code) => return Poll::Ready(code),
        };
        let mut event = lock(&event);
        if event.set {
            return Poll::Ready(HResult::S_OK);
        }
        if !event.waiters.iter().any(|waiter| waiter.will_wake(cx.waker())) {
            event.waiters.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_outlives_the_handle_that_the_host_closes() {
        let table = Arc::new(ProcessEvents::new());
        let events: Arc<dyn Events> = table.clone();
        let event = OwnedEvent::create(&events).unwrap();
        let private = event.duplicate().unwrap();
        let published = event.into_raw();
        let mut cx = Context::from_waker(Waker::noop());

        assert_eq!(events.poll_wait(published, &mut cx), Poll::Pending);
        assert_eq!(events.close(published), HResult::S_OK);
        assert_eq!(events.close(published), HResult::E_HANDLE);
        assert_eq!(events.set(published), HResult::E_HANDLE);
        assert_eq!(events.poll_wait(private.raw(), &mut cx), Poll::Pending);
        assert_eq!(private.set(), HResult::S_OK);
        assert_eq!(events.poll_wait(private.raw(), &mut cx), Poll::Ready(HResult::S_OK));
        drop(private);
        assert_eq!(table.open_handles(), 0);
    }

    #[tokio::test]
    async fn a_waiter_is_woken() {
        let events: Arc<dyn Events> = Arc::new(ProcessEvents::new());
        let event = events.create().unwrap();
        let waiting = tokio::spawn({
            let events = Arc::clone(&events);
            async move { events.wait(event).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(events.set(event), HResult::S_OK);
        assert_eq!(waiting.await.unwrap(), HResult::S_OK);
    }

    #[test]
    fn null_is_no_event() {
        let events = ProcessEvents::new();
        assert_eq!(events.set(RawEvent::NULL), HResult::E_HANDLE);
        assert_eq!(RawEvent::NULL.to_string(), "NULL");
        assert_eq!(RawEvent::from_value(8).to_string(), "event 0x8");
    }
}

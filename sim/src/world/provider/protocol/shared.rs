//! What the tasks of a protocol share: numbers, queues, the event, and the sync itself.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mapi_sync::{CallbackRef, HResult, OwnedEvent, RawEvent, SyncProgressCallback, SyncRequest};

use super::program::{Cell, Place, Promise, Queue, Value};
use super::{Inner, Ongoing};
use crate::engine::Object;
use crate::engine::sync::{Mutex as TaskMutex, Notify, Register};
use crate::lock::lock;
use crate::property::{self, PropertyKind};
use crate::world::run::StoreRef;

/// A number that tasks share.
pub(super) struct Number {
    value: Register<i64>,
    /// Where tasks wait for it to change, if any do.
    changed: Option<Notify>,
}

impl Number {
    pub(super) fn new(cell: &Cell) -> Self {
        Self {
            value: Register::new(cell.name, cell.first),
            changed: cell.waited.then(|| Notify::new(cell.name)),
        }
    }

    /// The same number, for those who only look at it.
    fn register(&self) -> Register<i64> {
        self.value.clone()
    }

    pub(super) fn get(&self) -> i64 {
        self.value.get()
    }

    pub(super) fn update(&self, change: impl FnOnce(i64) -> i64) {
        self.value.update(|value| *value = change(*value));
        if let Some(changed) = &self.changed {
            changed.notify_waiters();
        }
    }

    /// Waits until `holds`, which looks at this number.
    pub(super) async fn wait(&self, holds: impl Fn() -> bool) {
        while !holds() {
            let Some(changed) = &self.changed else { return };
            let mut notified = changed.notified();
            notified.enable();
            notified.await;
        }
    }
}

/// Values on their way from one task to another.
pub(super) struct Channel {
    state: Register<ChannelState>,
    capacity: usize,
    changed: Notify,
}

#[derive(Clone, Default)]
struct ChannelState {
    values: VecDeque<i64>,
    finished: bool,
}

impl Channel {
    fn new(queue: &Queue) -> Self {
        Self {
            state: Register::new(queue.name, ChannelState::default()),
            capacity: queue.capacity,
            changed: Notify::new(queue.name),
        }
    }

    /// Repeats `attempt` at each change until it gives something.
    async fn once<R>(&self, attempt: impl Fn(&mut ChannelState) -> Option<R>) -> R {
        loop {
            if let Some(result) = self.state.update(&attempt) {
                self.changed.notify_waiters();
                return result;
            }
            let mut notified = self.changed.notified();
            notified.enable();
            notified.await;
        }
    }

    /// Waits for room, and sends. A queue that is finished takes nothing more.
    pub(super) async fn send(&self, value: i64) {
        let capacity = self.capacity;
        self.once(|state| {
            let has_room = state.finished || state.values.len() < capacity;
            has_room.then(|| {
                if !state.finished {
                    state.values.push_back(value);
                }
            })
        })
        .await;
    }

    /// Waits for a value; `None` once the queue is finished and empty.
    pub(super) async fn receive(&self) -> Option<i64> {
        self.once(|state| match state.values.pop_front() {
            Some(value) => Some(Some(value)),
            None => state.finished.then_some(None),
        })
        .await
    }

    pub(super) fn finish(&self) {
        self.state.update(|state| state.finished = true);
        self.changed.notify_waiters();
    }
}

/// One sync, shared by its tasks. When the last of them has ended, the callback is released, the
/// private handle closed, and the store let go.
pub(super) struct SyncState {
    pub(super) callback: Arc<dyn SyncProgressCallback>,
    /// The references to the callback that are held. No task can observe the number but through
    /// the calls that change it.
    references: AtomicI32,
    /// The tasks that were started, for the limit.
    pub(super) started: AtomicU32,
    pub(super) counters: Vec<Number>,
    pub(super) queues: Vec<Channel>,
    pub(super) locks: Vec<TaskMutex<()>>,
    pub(super) request: SyncRequest,
    published: Register<RawEvent>,
    /// Looked at only after `published`, which says so to the search.
    private: Mutex<Option<OwnedEvent>>,
    pub(super) inner: Arc<Inner>,
    #[expect(dead_code, reason = "it is held")]
    ongoing: Option<Ongoing>,
    #[expect(dead_code, reason = "it is held")]
    store: Option<StoreRef>,
}

/// A reference to a sync. Which one is the last depends on the order in which they go, so giving
/// one back is a use of the sync.
pub(super) struct SyncRef {
    state: Arc<SyncState>,
    references: Object,
}

impl SyncRef {
    pub(super) fn new(
        inner: &Arc<Inner>,
        request: SyncRequest,
        callback: CallbackRef,
        store: Option<StoreRef>,
    ) -> Self {
        let program = &inner.program;
        let state = SyncState {
            callback: callback.into_callback(),
            references: AtomicI32::new(1),
            started: AtomicU32::new(0),
            counters: program.counters.iter().map(Number::new).collect(),
            queues: program.queues.iter().map(Channel::new).collect(),
            locks: program.locks.iter().map(|name| TaskMutex::new(name, ())).collect(),
            published: Register::new("published event", RawEvent::NULL),
            private: Mutex::new(None),
            ongoing: inner.begin(request.cancel()),
            request,
            inner: Arc::clone(inner),
            store,
        };
        Self { state: Arc::new(state), references: Object::new("references to the sync") }
    }
}

impl Clone for SyncRef {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), references: self.references }
    }
}

impl Deref for SyncRef {
    type Target = SyncState;

    fn deref(&self) -> &SyncState {
        &self.state
    }
}

impl Drop for SyncRef {
    fn drop(&mut self) {
        self.references.write();
    }
}

impl Drop for SyncState {
    /// Gives back the reference that the start took, unless a step has.
    fn drop(&mut self) {
        if *self.references.get_mut() > 0 {
            self.callback.release();
        }
    }
}

impl SyncState {
    pub(super) fn add_ref(&self) {
        self.references.fetch_add(1, Ordering::Relaxed);
        self.callback.add_ref();
    }

    pub(super) fn release(&self) {
        self.references.fetch_sub(1, Ordering::Relaxed);
        self.callback.release();
    }

    /// Has the author's promises looked at from now on. A look holds the numbers only: it must not
    /// keep the sync.
    pub(super) fn promise(&self) {
        for Promise { name, kind, condition } in &self.inner.program.promises {
            let side = |value: Value| {
                let number = match value {
                    Value::At(Place::Counter(number)) => Ok(self.counters[number].register()),
                    Value::At(Place::Store(number)) => Ok(self.inner.store[number].register()),
                    Value::Number(number) => Err(number),
                    // The program was checked: a promise has no other values.
                    _ => Err(0),
                };
                move || number.as_ref().map_or_else(|number| *number, Register::get)
            };
            let (left, right) = (side(condition.left), side(condition.right));
            let compare = condition.compare;
            let is_so = move || compare.holds(left(), right());
            match kind {
                PropertyKind::AtEnd => property::at_end(name, is_so),
                PropertyKind::Eventually => property::eventually(name, Duration::MAX, is_so),
                _ => property::invariant(name, move || !is_so()),
            }
        }
    }

    /// Creates the event and a private duplicate of its handle.
    pub(super) fn create(&self) -> Result<(), HResult> {
        let event = OwnedEvent::create(self.request.runtime().events())?;
        let private = event.duplicate()?;
        *lock(&self.private) = Some(private);
        self.published.set(event.into_raw());
        Ok(())
    }

    pub(super) fn publish(&self) -> Result<(), HResult> {
        if self.published.get().is_null() {
            self.create()?;
        }
        self.request.event_out().publish(self.published.get());
        Ok(())
    }

    /// Takes the event back: the start fails.
    pub(super) fn unpublish(&self) {
        let published = self.published.set(RawEvent::NULL);
        self.request.event_out().publish(RawEvent::NULL);
        if !published.is_null() {
            self.request.runtime().events().close(published);
        }
        drop(lock(&self.private).take());
    }

    pub(super) fn published(&self) -> RawEvent {
        self.published.get()
    }

    pub(super) fn private(&self) -> RawEvent {
        let _published = self.published.get();
        lock(&self.private).as_ref().map_or(RawEvent::NULL, OwnedEvent::raw)
    }

    pub(super) fn signal(&self, event: RawEvent) {
        if !event.is_null() {
            self.request.runtime().events().set(event);
        }
    }

    pub(super) fn close(&self) {
        self.request.runtime().events().close(self.published());
    }
}

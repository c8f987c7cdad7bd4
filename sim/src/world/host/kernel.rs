//! The kernel's table of event handles.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll};

use mapi_sync::{Events, HResult, RawEvent};

use crate::engine::sync::Event;
use crate::engine::{self, TaskId};
use crate::lock::lock;
use crate::world::scenario::Fault;

/// The events of one execution. Each is a tracked object. A handle's value is never used twice, so
/// that every use of a closed handle is found.
pub(in crate::world) struct Kernel {
    /// Asks the search whether this fault is injected.
    injects: Box<dyn Fn(Fault) -> bool + Send + Sync>,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    last: usize,
    handles: BTreeMap<usize, Event>,
    waits: Vec<(RawEvent, TaskId, Wait)>,
}

type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Kernel {
    pub(in crate::world) fn new(injects: impl Fn(Fault) -> bool + Send + Sync + 'static) -> Self {
        Self { injects: Box::new(injects), table: Mutex::default() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        lock(&self.table)
    }
}

impl Table {
    fn open(&mut self, event: Event) -> RawEvent {
        // Kernel handles are multiples of four.
        self.last += 4;
        self.handles.insert(self.last, event);
        RawEvent::from_value(self.last)
    }
}

impl Events for Kernel {
    fn create(&self) -> Result<RawEvent, HResult> {
        if (self.injects)(Fault::EventCreation) {
            return Err(HResult::E_OUTOFMEMORY);
        }
        Ok(self.table().open(Event::new("sync-done event")))
    }

    fn duplicate(&self, event: RawEvent) -> Result<RawEvent, HResult> {
        if (self.injects)(Fault::HandleDuplication) {
            return Err(HResult::E_OUTOFMEMORY);
        }
        let mut table = self.table();
        let event = table.handles.get(&event.value()).cloned().ok_or(HResult::E_HANDLE)?;
        Ok(table.open(event))
    }

    fn set(&self, event: RawEvent) -> HResult {
        // The lock is released before the waiters are woken: a waker may do anything.
        let event = self.table().handles.get(&event.value()).cloned();
        let Some(event) = event else { return HResult::E_HANDLE };
        event.set();
        HResult::S_OK
    }

    fn close(&self, event: RawEvent) -> HResult {
        let closed = self.table().handles.remove(&event.value());
        if closed.is_some() { HResult::S_OK } else { HResult::E_HANDLE }
    }

    fn poll_wait(&self, event: RawEvent, cx: &mut Context<'_>) -> Poll<HResult> {
        let task = engine::current();
        let mut table = self.table();
        // A wait that has begun goes on even if its handle is closed meanwhile, as in the real
        // kernel.
        let place = table.waits.iter().position(|(of, by, _)| (*of, *by) == (event, task));
        let mut wait = match place {
            Some(place) => table.waits.swap_remove(place).2,
            None => match table.handles.get(&event.value()) {
                Some(event) => Box::pin(event.wait()),
                None => return Poll::Ready(HResult::E_HANDLE),
            },
        };
        drop(table);
        match wait.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(HResult::S_OK),
            Poll::Pending => {
                self.table().waits.push((event, task, wait));
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::{End, Engine, Limits};
    use crate::strategy::Random;

    #[test]
    fn waiters_pass_once_it_is_set_and_closed_handles_fail() {
        let mut engine = Engine::new(Limits::default(), Random::new(1));
        for index in 0..50 {
            let outcome = engine
                .execute(index, async {
                    let events: Arc<dyn Events> = Arc::new(Kernel::new(|_| false));
                    let event = events.create().unwrap();
                    let private = events.duplicate(event).unwrap();
                    let waiters = [0, 1].map(|_| {
                        let events = Arc::clone(&events);
                        engine::spawn("waiter", async move {
                            assert_eq!(events.wait(private).await, HResult::S_OK);
                        })
                    });
                    engine::yield_now().await;
                    assert_eq!(events.close(event), HResult::S_OK);
                    assert_eq!(events.close(event), HResult::E_HANDLE);
                    assert_eq!(events.set(event), HResult::E_HANDLE);
                    assert_eq!(events.set(private), HResult::S_OK);
                    for waiter in waiters {
                        waiter.await.unwrap();
                    }
                })
                .unwrap();
            assert_eq!((outcome.end, outcome.panics), (End::Completed, vec![]));
        }
    }

    #[test]
    fn a_refused_creation_or_duplication_says_so() {
        let outcome = Engine::new(Limits::default(), Random::new(1)).execute(0, async {
            let kernel = Kernel::new(|fault| fault == Fault::EventCreation);
            assert_eq!(kernel.create(), Err(HResult::E_OUTOFMEMORY));
            let kernel = Kernel::new(|fault| fault == Fault::HandleDuplication);
            let event = kernel.create().unwrap();
            assert_eq!(kernel.duplicate(event), Err(HResult::E_OUTOFMEMORY));
            assert_eq!(kernel.set(event), HResult::S_OK);
        });
        assert_eq!(outcome.unwrap().panics, vec![]);
    }
}

//! The kernel's events: Win32's on Windows; elsewhere one [`ProcessEvents`](crate::ProcessEvents)
//! table for the whole process, with the ownership rules of real handles, so that tests can call
//! the method tables there, from C++ too.

use std::sync::Arc;
use std::time::Duration;

use super::block::Waited;
#[cfg(not(windows))]
use crate::ProcessEvents;
use crate::{Events, RawEvent};

/// The events whose handles cross the method tables of this module.
#[must_use]
pub fn events() -> Arc<dyn Events> {
    system::events()
}

/// Waits for the event on this thread (`WaitForSingleObject`).
#[must_use]
pub fn wait(event: RawEvent, limit: Duration) -> Waited {
    system::wait(event, limit)
}

/// The table whose handles cross the vtables of this module off Windows. [`events`] is the same
/// table.
#[cfg(not(windows))]
#[must_use]
pub fn process_events() -> &'static Arc<ProcessEvents> {
    system::table()
}

#[cfg(not(windows))]
mod system {
    use std::sync::OnceLock;
    use std::task::{Context, Poll, Waker};
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::HResult;
    use crate::com::block::Unpark;

    pub(super) fn table() -> &'static Arc<ProcessEvents> {
        static TABLE: OnceLock<Arc<ProcessEvents>> = OnceLock::new();
        TABLE.get_or_init(Arc::default)
    }

    pub(super) fn events() -> Arc<dyn Events> {
        Arc::clone(table()) as Arc<dyn Events>
    }

    pub(super) fn wait(event: RawEvent, limit: Duration) -> Waited {
        let deadline = Instant::now() + limit;
        let waker = Waker::from(Arc::new(Unpark::this_thread()));
        let mut cx = Context::from_waker(&waker);
        loop {
            match table().poll_wait(event, &mut cx) {
                Poll::Ready(HResult::S_OK) => return Waited::Signalled,
                Poll::Ready(_) => return Waited::Invalid,
                Poll::Pending => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Waited::TimedOut;
            }
            thread::park_timeout(left);
        }
    }
}

#[cfg(windows)]
mod system {
    use std::collections::BTreeMap;
    use std::sync::{Mutex, OnceLock};
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::HResult;
    use crate::com::abi::win32;
    pub(super) use crate::com::abi::win32::wait;
    use crate::com::thread::{self, Form};
    use crate::lock::lock;

    /// How long a waiting thread sleeps before it checks whether anybody still waits.
    const SLICE: Duration = Duration::from_secs(1);

    #[derive(Default)]
    struct Kernel {
        /// The wakers, by handle value. An entry means that a thread waits for the handle.
        waiting: Mutex<BTreeMap<usize, Vec<Waker>>>,
    }

    fn kernel() -> &'static Arc<Kernel> {
        static KERNEL: OnceLock<Arc<Kernel>> = OnceLock::new();
        KERNEL.get_or_init(Arc::default)
    }

    pub(super) fn events() -> Arc<dyn Events> {
        Arc::clone(kernel()) as Arc<dyn Events>
    }

    impl Events for Kernel {
        fn create(&self) -> Result<RawEvent, HResult> {
            win32::create_event()
        }

        fn duplicate(&self, event: RawEvent) -> Result<RawEvent, HResult> {
            win32::duplicate(event)
        }

        fn set(&self, event: RawEvent) -> HResult {
            win32::set_event(event)
        }

        fn close(&self, event: RawEvent) -> HResult {
            win32::close(event)
        }

        fn poll_wait(&self, event: RawEvent, cx: &mut Context<'_>) -> Poll<HResult> {
            match wait(event, Duration::ZERO) {
                Waited::Signalled => return Poll::Ready(HResult::S_OK),
                Waited::Invalid => return Poll::Ready(HResult::E_HANDLE),
                Waited::TimedOut => {}
            }
            let mut waiting = lock(&self.waiting);
            if let Some(wakers) = waiting.get_mut(&event.value()) {
                wakers.push(cx.waker().clone());
                return Poll::Pending;
            }
            // The thread gets its own handle, because the caller may close `event` meanwhile.
            let copy = match self.duplicate(event) {
                Ok(copy) => copy,
                Err(code) => return Poll::Ready(code),
            };
            waiting.insert(event.value(), vec![cx.waker().clone()]);
            drop(waiting);
            if let Err(code) =
                thread::spawn(&Form::named("mapi-sync wait"), move || wait_for(event, copy))
            {
                lock(&self.waiting).remove(&event.value());
                self.close(copy);
                return Poll::Ready(code);
            }
            Poll::Pending
        }
    }

    /// Wakes those who poll for `event`, until it is signalled or nobody polls any more.
    fn wait_for(event: RawEvent, copy: RawEvent) {
        loop {
            let over = wait(copy, SLICE) != Waited::TimedOut;
            let mut waiting = lock(&kernel().waiting);
            let wakers = waiting.get_mut(&event.value()).map(std::mem::take).unwrap_or_default();
            let over = over || wakers.is_empty();
            if over {
                waiting.remove(&event.value());
            }
            drop(waiting);
            // Those who still wait poll again, and so are in the list at the next slice.
            wakers.into_iter().for_each(Waker::wake);
            if over {
                break;
            }
        }
        kernel().close(copy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HResult, OwnedEvent};

    #[test]
    fn a_duplicate_outlives_the_original() {
        let event = OwnedEvent::create(&events()).expect("an event");
        let copy = event.duplicate().expect("a duplicate");
        drop(event);
        assert_eq!(wait(copy.raw(), Duration::ZERO), Waited::TimedOut);
        assert_eq!(copy.set(), HResult::S_OK);
        assert_eq!(wait(copy.raw(), Duration::ZERO), Waited::Signalled);
        // Manual reset: it stays signalled.
        assert_eq!(wait(copy.raw(), Duration::ZERO), Waited::Signalled);
    }

    #[test]
    fn a_wait_ends_with_the_signal_of_another_thread() {
        let event = OwnedEvent::create(&events()).expect("an event");
        let copy = event.duplicate().expect("a duplicate");
        let signaller = std::thread::spawn(move || copy.set());
        assert_eq!(wait(event.raw(), Duration::from_secs(60)), Waited::Signalled);
        assert_eq!(signaller.join().expect("no panic"), HResult::S_OK);
    }

    #[tokio::test]
    async fn tasks_wait_for_a_signal_of_another_thread() {
        let event = OwnedEvent::create(&events()).expect("an event");
        let copy = event.duplicate().expect("a duplicate");
        let signaller = std::thread::spawn(move || copy.set());
        let events = events();
        let (first, second) = tokio::join!(events.wait(event.raw()), events.wait(event.raw()));
        assert_eq!((first, second), (HResult::S_OK, HResult::S_OK));
        signaller.join().expect("no panic");
    }

    #[test]
    fn null_is_no_event() {
        assert_eq!(wait(RawEvent::NULL, Duration::ZERO), Waited::Invalid);
    }
}

//! The kernel's events: Win32's on Windows; elsewhere one [`ProcessEvents`](crate::ProcessEvents) table for the whole
//! process, so that the vtables can be exercised there, from C++ as well, with the ownership rules of real handles.

use std::sync::Arc;
use std::time::Duration;

use crate::{Events, RawEvent};

/// How a [`wait`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The event has occurred.
    Signalled,
    /// It did not occur in the time given.
    TimedOut,
    /// The value is no open handle.
    Invalid,
}

/// The events whose handles cross the vtables of this module.
#[must_use]
pub fn events() -> Arc<dyn Events> {
    system::events()
}

/// Waits for the event on this thread (`WaitForSingleObject`).
#[must_use]
pub fn wait(event: RawEvent, limit: Duration) -> Waited {
    system::wait(event, limit)
}

/// How many handles are open: on Windows those of every kind in this process, elsewhere the events.
#[must_use]
pub fn open_handles() -> usize {
    system::open_handles()
}

/// How many threads this process has; `None` where the system does not tell.
#[must_use]
pub fn threads() -> Option<usize> {
    system::threads()
}

#[cfg(not(windows))]
mod system {
    use std::sync::OnceLock;
    use std::task::{Context, Poll, Waker};
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::com::block::Unpark;
    use crate::{HResult, ProcessEvents};

    fn table() -> &'static Arc<ProcessEvents> {
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

    pub(super) fn open_handles() -> usize {
        table().open_handles()
    }

    pub(super) fn threads() -> Option<usize> {
        std::fs::read_dir("/proc/self/task").ok().map(Iterator::count)
    }
}

#[cfg(windows)]
mod system {
    use std::collections::BTreeMap;
    use std::ptr;
    use std::sync::{Mutex, OnceLock};
    use std::task::{Context, Poll, Waker};

    use windows_sys::Win32::Foundation::{
        CloseHandle, DUPLICATE_SAME_ACCESS, DuplicateHandle, GetLastError, HANDLE,
        INVALID_HANDLE_VALUE, WAIT_OBJECT_0, WAIT_TIMEOUT,
    };
    use windows_sys::Win32::System::Diagnostics::ToolHelp::{
        CreateToolhelp32Snapshot, TH32CS_SNAPTHREAD, THREADENTRY32, Thread32First, Thread32Next,
    };
    use windows_sys::Win32::System::Threading::{
        CreateEventW, GetCurrentProcess, GetCurrentProcessId, GetProcessHandleCount, SetEvent,
        WaitForSingleObject,
    };

    use super::*;
    use crate::HResult;
    use crate::com::thread;
    use crate::event::lock;

    /// How long a waiting thread sleeps before it looks whether anybody still wants to know.
    const SLICE: Duration = Duration::from_secs(1);

    #[derive(Default)]
    struct Kernel {
        /// By handle value: who is to be woken. An entry means that a thread waits for them.
        waiting: Mutex<BTreeMap<usize, Vec<Waker>>>,
    }

    fn kernel() -> &'static Arc<Kernel> {
        static KERNEL: OnceLock<Arc<Kernel>> = OnceLock::new();
        KERNEL.get_or_init(Arc::default)
    }

    pub(super) fn events() -> Arc<dyn Events> {
        Arc::clone(kernel()) as Arc<dyn Events>
    }

    fn raw(event: RawEvent) -> HANDLE {
        ptr::without_provenance_mut(event.value())
    }

    fn last_error() -> HResult {
        // SAFETY: reads a number of this thread's.
        let code = unsafe { GetLastError() };
        // HRESULT_FROM_WIN32
        HResult::from_bits(if code == 0 { 0x8000_4005 } else { code & 0xFFFF | 0x8007_0000 })
    }

    fn answer(succeeded: i32) -> HResult {
        if succeeded == 0 { last_error() } else { HResult::S_OK }
    }

    impl Events for Kernel {
        fn create(&self) -> Result<RawEvent, HResult> {
            // SAFETY: NULL security attributes and a NULL name are allowed by the CreateEventW page.
            let event = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
            if event.is_null() { Err(last_error()) } else { Ok(RawEvent::from_value(event.addr())) }
        }

        fn duplicate(&self, event: RawEvent) -> Result<RawEvent, HResult> {
            let mut copy = ptr::null_mut();
            // SAFETY: returns a pseudo-handle, without any condition.
            let process = unsafe { GetCurrentProcess() };
            let access = DUPLICATE_SAME_ACCESS;
            // SAFETY: `copy` is valid for the write; a handle that is not open makes the call fail, nothing else.
            let copied =
                unsafe { DuplicateHandle(process, raw(event), process, &mut copy, 0, 0, access) };
            answer(copied).ok()?;
            Ok(RawEvent::from_value(copy.addr()))
        }

        fn set(&self, event: RawEvent) -> HResult {
            // SAFETY: a handle that is not open makes the call fail, nothing else.
            answer(unsafe { SetEvent(raw(event)) })
        }

        fn close(&self, event: RawEvent) -> HResult {
            // SAFETY: a handle that is not open makes the call fail; that it is ours to close is the caller's affair.
            answer(unsafe { CloseHandle(raw(event)) })
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
            // A handle of its own, as the one given may be closed while the thread waits.
            let copy = match self.duplicate(event) {
                Ok(copy) => copy,
                Err(code) => return Poll::Ready(code),
            };
            waiting.insert(event.value(), vec![cx.waker().clone()]);
            drop(waiting);
            if let Err(code) = thread::spawn(move || wait_for(event, copy)) {
                lock(&self.waiting).remove(&event.value());
                self.close(copy);
                return Poll::Ready(code);
            }
            Poll::Pending
        }
    }

    /// Wakes whoever polls for `event`, until it has occurred or nobody polls any more.
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
            // Those who still wait poll again, and are in the list at the next slice.
            wakers.into_iter().for_each(Waker::wake);
            if over {
                break;
            }
        }
        kernel().close(copy);
    }

    pub(super) fn wait(event: RawEvent, limit: Duration) -> Waited {
        // u32::MAX means "for ever".
        let limit = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX).min(u32::MAX - 1);
        // SAFETY: a handle that is not open makes the call fail, nothing else.
        match unsafe { WaitForSingleObject(raw(event), limit) } {
            WAIT_OBJECT_0 => Waited::Signalled,
            WAIT_TIMEOUT => Waited::TimedOut,
            _ => Waited::Invalid,
        }
    }

    pub(super) fn open_handles() -> usize {
        let mut count = 0;
        // SAFETY: returns a pseudo-handle, without any condition.
        let process = unsafe { GetCurrentProcess() };
        // SAFETY: the count is valid for the write.
        unsafe { GetProcessHandleCount(process, &mut count) };
        if count > 0 {
            return usize::try_from(count).unwrap_or(usize::MAX);
        }
        // Wine 8 does not count. It gives out the lowest free value, in steps of four, so a new handle's value tells how
        // many are taken below it: what leaks stays taken.
        let Ok(probe) = kernel().create() else { return 0 };
        // Just created, so there is nothing to fail.
        let _ = kernel().close(probe);
        probe.value() / 4
    }

    pub(super) fn threads() -> Option<usize> {
        // SAFETY: asks for the threads of the whole system, as the CreateToolhelp32Snapshot page has it.
        let snapshot = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0) };
        if snapshot == INVALID_HANDLE_VALUE {
            return None;
        }
        // SAFETY: reads a number of this process's.
        let process = unsafe { GetCurrentProcessId() };
        let size = u32::try_from(size_of::<THREADENTRY32>()).ok()?;
        let mut entry = THREADENTRY32 { dwSize: size, ..THREADENTRY32::default() };
        let mut count = 0;
        // SAFETY: the snapshot is open, and the entry says how large it is.
        let mut more = unsafe { Thread32First(snapshot, &mut entry) };
        while more != 0 {
            count += usize::from(entry.th32OwnerProcessID == process);
            // SAFETY: as above.
            more = unsafe { Thread32Next(snapshot, &mut entry) };
        }
        // SAFETY: ours, and closed once.
        unsafe { CloseHandle(snapshot) };
        Some(count)
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

//! Threads that code in a DLL may start: each holds the module in memory, lives in the
//! multithreaded apartment, and is never joined, so nothing ever waits for a thread under the
//! loader lock.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::guard;
use crate::HResult;

static WORKERS: AtomicUsize = AtomicUsize::new(0);
static OBJECTS: AtomicUsize = AtomicUsize::new(0);

/// How many worker threads of this module are running.
#[must_use]
pub fn live_workers() -> usize {
    WORKERS.load(Ordering::SeqCst)
}

/// How many COM objects of this module are alive. `DllCanUnloadNow` needs this and
/// [`live_workers`].
#[must_use]
pub fn live_objects() -> usize {
    OBJECTS.load(Ordering::SeqCst)
}

/// Counts one COM object for as long as it is alive.
#[derive(Debug)]
pub(crate) struct LiveObject(());

impl LiveObject {
    pub(crate) fn new() -> Self {
        OBJECTS.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for LiveObject {
    fn drop(&mut self) {
        OBJECTS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Counts one worker, from before its thread exists until it is about to end.
#[derive(Debug)]
pub(crate) struct LiveWorker(());

impl LiveWorker {
    pub(crate) fn new() -> Self {
        WORKERS.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for LiveWorker {
    fn drop(&mut self) {
        WORKERS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Runs `body` on a new thread that nobody joins. A panic of `body` ends only the thread.
///
/// # Errors
///
/// [`HResult::E_OUTOFMEMORY`] when the system has no thread. `body` has been dropped then.
pub(crate) fn spawn(body: impl FnOnce() + Send + 'static) -> Result<(), HResult> {
    system::spawn(Box::new(move || {
        guard::contain(body);
    }))
}

#[cfg(not(windows))]
mod system {
    use super::*;

    pub(super) fn spawn(body: Box<dyn FnOnce() + Send>) -> Result<(), HResult> {
        let thread = std::thread::Builder::new().name("mapi-sync worker".into()).spawn(body);
        thread.map(drop).map_err(|_| HResult::E_OUTOFMEMORY)
    }
}

#[cfg(windows)]
mod system {
    pub(super) use crate::com::abi::spawn;
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_panic_ends_only_the_thread() {
        let (sender, receiver) = mpsc::channel::<()>();
        spawn(move || {
            let _held = sender;
            panic!("in a worker");
        })
        .expect("a thread");
        // The sender is dropped by the unwinding, nothing was sent.
        assert!(receiver.recv().is_err());
    }
}

//! Threads that code in a DLL may start: each holds the module in memory, lives in the
//! multithreaded apartment, and is never joined, so nothing ever waits for a thread under the
//! loader lock.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, SyncSender};

use super::entry::{self, ThreadEntry};
use super::guard::{self, Rescue};
use crate::HResult;

static WORKERS: AtomicUsize = AtomicUsize::new(0);
static OBJECTS: AtomicUsize = AtomicUsize::new(0);
static PINNED: AtomicBool = AtomicBool::new(false);

/// How many worker threads of this module are running.
#[must_use]
pub fn live_workers() -> usize {
    WORKERS.load(Ordering::SeqCst)
}

/// How many COM objects of this module are alive.
#[must_use]
pub fn live_objects() -> usize {
    OBJECTS.load(Ordering::SeqCst)
}

/// The answer for `DllCanUnloadNow`: `S_OK` if no object of this module is alive and no thread of
/// it runs, and [`S_FALSE`](HResult::S_FALSE) otherwise. Objects that you implement yourself are
/// not counted here: ask for them first.
///
/// ```
/// # use std::sync::atomic::{AtomicUsize, Ordering};
/// # static STORES: AtomicUsize = AtomicUsize::new(0);
/// #[unsafe(no_mangle)]
/// pub extern "system" fn DllCanUnloadNow() -> i32 {
///     if STORES.load(Ordering::SeqCst) > 0 {
///         return mapi_sync::HResult::S_FALSE.as_i32();
///     }
///     mapi_sync::com::can_unload_now().as_i32()
/// }
/// # assert_eq!(DllCanUnloadNow(), 0);
/// ```
#[must_use]
pub fn can_unload_now() -> HResult {
    let is_used = live_objects() > 0
        || live_workers() > 0
        || guard::parked_threads() > 0
        || PINNED.load(Ordering::SeqCst);
    if is_used { HResult::S_FALSE } else { HResult::S_OK }
}

/// Keeps this module in memory until the process ends.
pub(crate) fn pin() {
    if !PINNED.swap(true, Ordering::SeqCst) {
        system::pin();
    }
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

/// The form of a new thread.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) name: Arc<str>,
    /// In bytes; `None` for the system's own size.
    pub(crate) stack_size: Option<usize>,
}

impl Form {
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.into(), stack_size: None }
    }
}

thread_local! {
    static NAME: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
}

/// The name of this thread, for reports.
pub(crate) fn current_name() -> String {
    let ours = NAME.with_borrow(|name| name.as_deref().map(str::to_owned));
    let name = ours.or_else(|| std::thread::current().name().map(str::to_owned));
    name.unwrap_or_else(|| "unnamed".to_owned())
}

/// Runs `body` on a new thread that nobody joins. A panic of `body` ends only the thread.
///
/// # Errors
///
/// [`HResult::E_OUTOFMEMORY`] when the system has no thread. `body` has been dropped then.
pub(crate) fn spawn(form: &Form, body: impl FnOnce() + Send + 'static) -> Result<(), HResult> {
    let name = Arc::clone(&form.name);
    let body = move || {
        NAME.set(Some(name));
        guard::contain(body);
    };
    system::spawn(form, Box::new(body))
}

/// The threads that make one call of a foreign method.
pub(crate) fn call_form() -> Form {
    Form::named("mapi-sync call")
}

/// Runs `body`, calls of foreign methods, on a new thread that enters, and waits for it. So an
/// exception parks that thread and not this one.
///
/// # Errors
///
/// [`HResult::E_OUTOFMEMORY`] when the system has no thread, the failure of the entry, and
/// [`HResult::E_UNEXPECTED`] if an exception or a panic left `body`.
pub(crate) fn elsewhere<T: Send + 'static>(
    entry: Option<&ThreadEntry>,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<T, HResult> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let thrown = Thrown(sender.clone());
    let entry = entry.cloned();
    spawn(&call_form(), move || {
        let rescued = guard::rescued_by(Arc::new(thrown));
        let result = entry::enter(entry.as_ref()).map(|()| body());
        entry::leave();
        drop(rescued);
        // Whoever waits is gone only if it needs no answer.
        let _ = sender.send(result);
    })?;
    receiver.recv().unwrap_or(Err(HResult::E_UNEXPECTED))
}

/// Answers for a call out of which an exception came.
struct Thrown<T>(SyncSender<Result<T, HResult>>);

impl<T: Send> Rescue for Thrown<T> {
    fn rescue(&self, _method: &'static str) {
        // As above. There is room: nothing else is sent then.
        let _ = self.0.try_send(Err(HResult::E_UNEXPECTED));
    }

    fn changed(&self) {}
}

#[cfg(not(windows))]
mod system {
    use super::*;

    pub(super) fn spawn(form: &Form, body: Box<dyn FnOnce() + Send>) -> Result<(), HResult> {
        let mut thread = std::thread::Builder::new().name(form.name.as_ref().into());
        if let Some(size) = form.stack_size {
            thread = thread.stack_size(size);
        }
        thread.spawn(body).map(drop).map_err(|_| HResult::E_OUTOFMEMORY)
    }

    /// Nothing unloads a module here.
    pub(super) fn pin() {}
}

#[cfg(windows)]
mod system {
    use super::*;
    use crate::com::abi;

    pub(super) fn spawn(form: &Form, body: Box<dyn FnOnce() + Send>) -> Result<(), HResult> {
        abi::spawn(&form.name, form.stack_size.unwrap_or(0), body)
    }

    pub(super) fn pin() {
        abi::pin_module();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_panic_ends_only_the_thread() {
        let (sender, receiver) = mpsc::channel::<()>();
        spawn(&Form::named("panics"), move || {
            let _held = sender;
            panic!("in a worker");
        })
        .expect("a thread");
        // The sender is dropped by the unwinding, nothing was sent.
        assert!(receiver.recv().is_err());
    }

    #[test]
    fn a_thread_has_its_name_and_its_stack() {
        /// Uses a megabyte of stack or more for each level.
        #[inline(never)]
        fn deep(levels: u32) -> u8 {
            let room = std::hint::black_box([1_u8; 1 << 20]);
            if levels == 0 { room[0] } else { room[1 << 10].max(deep(levels - 1)) }
        }

        let form = Form { name: "deep".into(), stack_size: Some(32 << 20) };
        let (sender, receiver) = mpsc::channel();
        spawn(&form, move || {
            // More than any system gives by default.
            assert_eq!(deep(5), 1);
            sender.send(current_name()).expect("the test waits");
        })
        .expect("a thread");
        assert_eq!(receiver.recv().as_deref(), Ok("deep"));
    }
}

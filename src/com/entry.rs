//! What a thread does before it uses MAPI objects, and after.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::guard::{self, Contained};
use crate::HResult;

type Guard = Box<dyn Any>;

type Enter = Box<dyn Fn() -> Result<Guard, HResult> + Send + Sync>;

/// How a thread enters MAPI, and leaves it: "every thread that uses MAPI objects must call
/// MAPIInitialize" and, when it no longer does, MAPIUninitialize.
///
/// A [`Provider`](super::Provider) with an entry
/// ([`with_thread_entry`](super::Provider::with_thread_entry)) enters with each of its own threads.
/// Hand a clone to the threads that you start yourself, and to the closures of `spawn_blocking`:
///
/// ```
/// use mapi_sync::com::ThreadEntry;
///
/// let entry = ThreadEntry::new(|| "a guard, which is dropped when the thread leaves");
/// let of_thread = entry.clone();
/// std::thread::spawn(move || {
///     let _entered = of_thread.enter()?;
///     // use MAPI objects
///     Ok::<(), mapi_sync::HResult>(())
/// });
/// ```
#[derive(Clone)]
pub struct ThreadEntry(Arc<Contained<Enter>>);

impl ThreadEntry {
    /// `enter` makes a guard on the thread that enters, and the thread drops it when it leaves.
    #[must_use]
    pub fn new<G: 'static>(enter: impl Fn() -> G + Send + Sync + 'static) -> Self {
        Self::fallible(move || Ok(enter()))
    }

    /// As [`new`](Self::new), with an `enter` that may fail. The start of a sync whose thread
    /// cannot enter fails with that code.
    #[must_use]
    pub fn fallible<G: 'static>(
        enter: impl Fn() -> Result<G, HResult> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Contained::new(Box::new(move || Ok(Box::new(enter()?) as Guard)))))
    }

    /// MAPIInitialize and MAPIUninitialize of `mapi32.dll`, which passes them on to the MAPI of the
    /// default mail client. The flags are `MAPI_MULTITHREAD_NOTIFICATIONS` and `MAPI_NO_COINIT`:
    /// the threads of a provider are in the multithreaded apartment already. On threads of your
    /// own call CoInitializeEx first.
    ///
    /// # Errors
    ///
    /// The failure to load the library, or [`HResult::MAPI_E_NOT_FOUND`] if it lacks the functions.
    #[cfg(windows)]
    pub fn mapi() -> Result<Self, HResult> {
        let library = Arc::new(super::abi::Mapi::load()?);
        Ok(Self::fallible(move || super::abi::MapiThread::enter(&library)))
    }

    /// Enters with this thread, until the result is dropped.
    ///
    /// # Errors
    ///
    /// The failure of the entry.
    pub fn enter(&self) -> Result<Entered, HResult> {
        let guard = (self.0.get())()?;
        Ok(Entered { _guard: guard, _thread: PhantomData })
    }
}

impl fmt::Debug for ThreadEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ThreadEntry")
    }
}

/// A thread that has entered; see [`ThreadEntry::enter`]. Its drop leaves.
#[must_use = "dropping it leaves at once"]
pub struct Entered {
    _guard: Guard,
    /// A thread leaves itself.
    _thread: PhantomData<*const ()>,
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entered")
    }
}

thread_local! {
    static ENTERED: RefCell<Option<Entered>> = const { RefCell::new(None) };
}

/// Enters with this thread, which is the adapter's, until [`leave`].
pub(crate) fn enter(entry: Option<&ThreadEntry>) -> Result<(), HResult> {
    if let Some(entry) = entry {
        let entered = entry.enter()?;
        ENTERED.set(Some(entered));
    }
    Ok(())
}

/// Leaves, if this thread has entered. A panic of the guard's drop stays in here.
pub(crate) fn leave() {
    let entered = ENTERED.take();
    guard::contain(move || drop(entered));
}

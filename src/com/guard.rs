//! Containing what must not leave a method: our own panics, and exceptions out of foreign methods.
//!
//! [`contain`] catches a Rust panic. A C++ exception cannot be caught: `catch_unwind` may abort the
//! process when it meets one, and does. COM forbids exceptions to leave a method, but a host that
//! breaks this rule should cost neither its user the process nor the sync its Done. So [`call`]
//! guards the frame: if an exception unwinds it, a new thread finishes the sync, and this thread,
//! whose stack can be unwound no further, is parked for good.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

static PARKED: AtomicUsize = AtomicUsize::new(0);

/// How many threads are parked for good because an exception left a foreign method that they had
/// called: COM forbids that, Rust cannot catch it, and a thread whose stack cannot be unwound
/// cannot end either. Its stack and its MAPI stay in use.
///
/// A sync costs one such thread for each method of its host's that throws. When
/// [`PARKED_MOST`] threads are parked, a [`Provider`](super::Provider) starts no sync any more.
#[must_use]
pub fn parked_threads() -> usize {
    PARKED.load(Ordering::Acquire)
}

/// How many parked threads there may be for a sync to start; see [`parked_threads`].
pub const PARKED_MOST: usize = 32;

/// Ends a sync when an exception leaves one of the host's methods.
pub(crate) trait Rescue: Send + Sync {
    /// Called on the thread that cannot continue, with the method that threw.
    fn rescue(&self, method: &'static str);

    /// The last reference of the provider was given back, or a Done returned.
    fn changed(&self);
}

thread_local! {
    static IS_PARKED: Cell<bool> = const { Cell::new(false) };
    static RESCUE: RefCell<Option<Arc<dyn Rescue>>> = const { RefCell::new(None) };
}

/// Until the result is dropped, an exception that leaves a [`call_here`] on this thread is left to
/// `rescue`. After that it is left to whoever it was left to before: a foreign store may be one of
/// this module, called on the thread of a sync.
pub(crate) fn rescued_by(rescue: Arc<dyn Rescue>) -> Rescued {
    Rescued(RESCUE.replace(Some(rescue)))
}

/// See [`rescued_by`].
pub(crate) struct Rescued(Option<Arc<dyn Rescue>>);

impl Drop for Rescued {
    fn drop(&mut self) {
        RESCUE.set(self.0.take());
    }
}

/// A value whose drop is foreign code, and may panic: that stays in here.
pub(crate) struct Contained<T>(Option<T>);

impl<T> Contained<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    pub(crate) fn get(&self) -> &T {
        self.0.as_ref().expect("here until the drop")
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        contain(move || drop(value));
    }
}

/// Runs our side of a method. A panic becomes `None`, after the panic hook has printed it.
pub(crate) fn contain<R>(body: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(body)).map_err(discard).ok()
}

/// Drops the payload of a caught panic, and catches a panic of *its* drop.
///
/// A payload may be any value with any `Drop`, and a second panic there would leave the method
/// after all.
pub(crate) fn discard(payload: Box<dyn std::any::Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
        // Leaked: its drop could panic a third time.
        std::mem::forget(second);
    }
}

/// Runs `foreign`, a call of a foreign method. If an exception leaves it, `rescue` runs (it hands
/// the sync over to another thread), and this thread stops where it is, for ever.
///
/// A Rust panic out of `foreign` is treated alike: it contains no code of ours.
pub(crate) fn call<R>(foreign: impl FnOnce() -> R, rescue: impl FnOnce()) -> R {
    // An exception unwinds only if some frame above is going to catch it. None ever does: the one
    // below stops first.
    let answer = contain(|| {
        let armed = Armed(Some(rescue));
        let answer = foreign();
        armed.disarm();
        answer
    });
    answer.unwrap_or_else(|| stop())
}

/// As [`call`], for a method of this name. The sync that this thread works for is rescued, if there
/// is one.
pub(crate) fn call_here<R>(method: &'static str, foreign: impl FnOnce() -> R) -> R {
    call(foreign, || {
        let rescue = RESCUE.with_borrow(Option::clone);
        if let Some(rescue) = rescue {
            rescue.rescue(method);
        }
    })
}

/// Parks this thread for good.
fn stop() -> ! {
    loop {
        // Not `park`: anybody with this thread's handle could unpark it.
        thread::sleep(Duration::from_secs(3600));
    }
}

/// Runs its closure if the frame that holds it is unwound.
struct Armed<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Armed<F> {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl<F: FnOnce()> Drop for Armed<F> {
    fn drop(&mut self) {
        let Some(rescue) = self.0.take() else { return };
        // Once for each thread: the rescue may call a method that throws again.
        if !IS_PARKED.replace(true) {
            PARKED.fetch_add(1, Ordering::AcqRel);
        }
        // A panic in the rescue would be a panic while unwinding, which aborts.
        contain(rescue);
        stop();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    struct PanicsInDrop;

    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            panic!("in the drop of a payload");
        }
    }

    #[test]
    fn a_panic_is_contained() {
        assert_eq!(contain(|| 7), Some(7));
        assert_eq!(contain(|| -> i32 { panic!("contained") }), None);
    }

    #[test]
    fn a_payload_that_panics_in_drop_is_contained() {
        assert_eq!(contain(|| -> i32 { std::panic::panic_any(PanicsInDrop) }), None);
    }

    #[test]
    fn a_call_that_returns_needs_no_rescue() {
        let mut rescued = false;
        assert_eq!(call(|| 7, || rescued = true), 7);
        assert!(!rescued);
    }

    #[test]
    fn a_call_that_unwinds_is_rescued_and_never_returns() {
        let (sender, receiver) = mpsc::channel();
        let caller = thread::spawn(move || {
            call(|| panic!("stands for an exception"), || sender.send(()).expect("the test waits"));
        });
        receiver.recv().expect("the rescue runs");
        assert!(!caller.is_finished());
    }
}

//! Containing what must not leave a method: our own panics, and exceptions out of foreign methods.
//!
//! [`contain`] catches a Rust panic. A C++ exception cannot be caught: `catch_unwind` may abort the
//! process when it meets one, and does. COM forbids exceptions to leave a method, but a host that
//! breaks this rule should cost neither its user the process nor the sync its Done. So [`call`]
//! guards the frame: if an exception unwinds it, a new thread finishes the sync, and this thread,
//! whose stack can be unwound no further, is parked for good.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

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
    let armed = Armed(Some(rescue));
    let answer = foreign();
    armed.disarm();
    answer
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
        // A panic in the rescue would be a panic while unwinding, which aborts.
        contain(rescue);
        loop {
            // Not `park`: anybody with this thread's handle could unpark it.
            thread::sleep(Duration::from_secs(3600));
        }
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

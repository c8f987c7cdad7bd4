//! Containing what must not leave a method: our own panics, and exceptions that a foreign method
//! lets out.
//!
//! A Rust panic is caught by [`contain`]. A C++ exception cannot be: `catch_unwind` is allowed to
//! abort the process when it meets one, and does. COM forbids it to leave a method, yet a host that
//! breaks this rule should not cost its user the process, nor the sync its Done. So [`call`]
//! watches the frame: when something foreign unwinds it, the sync is finished from a new thread,
//! and this one, whose stack cannot be unwound any further, is parked for good.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

/// Runs our own side of a method. A panic becomes `None`; its message has gone to the panic hook.
pub(crate) fn contain<R>(body: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(body)).map_err(discard).ok()
}

/// Drops a caught panic's payload, and whatever *its* drop throws.
///
/// A payload may be any value, with any `Drop`; a second panic there would leave the method after
/// all.
pub(crate) fn discard(payload: Box<dyn std::any::Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
        // Whoever panics in a panic's drop gets no third chance: leaked.
        std::mem::forget(second);
    }
}

/// Runs `foreign`, a call of a foreign method. If an exception leaves it, `rescue` runs (it hands
/// the sync over to another thread), and this thread stops where it is, for ever.
///
/// A Rust panic of `foreign` itself counts as one too: nothing of ours runs in it.
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
            // Not `park`: somebody who still knows this thread could unpark it.
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

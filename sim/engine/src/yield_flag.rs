//! Whether a task's code is running, and whether it has given up its turn.
//!
//! Each segment begins and ends here, and most await points do no more than give up the turn: they
//! end their segment with the task still able to run. That would be a wake of the running task by
//! itself. A note left here says the same, and costs neither a call through the waker nor a look at
//! the ready set.
//!
//! So this is one word, in a thread-local of its own that needs no drop.

use std::cell::Cell;
use std::ptr;
use std::task::{Context, Waker};

use super::context;

// No waker's data lies at the end of the address space.
const NOBODY: *const () = ptr::without_provenance(usize::MAX);
const TRACKED: *const () = ptr::without_provenance(usize::MAX - 1);
const YIELDED: *const () = ptr::without_provenance(usize::MAX - 2);

thread_local! {
    /// The data of the running task's waker, by which the waker is known. Or `NOBODY`, if no task is running;
    /// `YIELDED`, if one is that gave up its turn; `TRACKED`, if it is to wake itself instead.
    static TURN: Cell<*const ()> = const { Cell::new(NOBODY) };
}

/// A task's code begins to run. If it is polled with this waker, it may give up its turn by a note.
#[inline]
pub(super) fn begin(waker: &Waker) {
    TURN.set(waker.data());
}

/// A task's code begins to run, be it a drop, and leaves no note.
#[inline]
pub(super) fn begin_without_note() {
    TURN.set(TRACKED);
}

/// The task's code has returned. Says whether it left the note that it gave up its turn and can run
/// again.
#[inline]
pub(super) fn end() -> bool {
    TURN.replace(NOBODY) == YIELDED
}

/// Whether a task's code is running, be it a drop: a panic is the task's.
#[inline]
pub(super) fn is_running() -> bool {
    TURN.get() != NOBODY
}

/// Gives up the turn: the future that is polled with `cx` is to return `Pending`, and its task can
/// run again.
#[inline]
pub(super) fn yield_task(cx: &Context<'_>) {
    // Another waker than the running task's is that of a set of futures, which has to know which of
    // them to poll.
    if TURN.get() == cx.waker().data() {
        TURN.set(YIELDED);
    } else {
        wake(cx);
    }
}

#[inline(never)]
fn wake(cx: &Context<'_>) {
    context::waits_for_its_turn();
    cx.waker().wake_by_ref();
}

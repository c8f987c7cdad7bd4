//! The flag by which a running task yields.
//!
//! Each segment begins and ends here. Most await points only yield: they end their segment with the
//! task still able to run. The task could wake itself for that. Raising this flag means the same,
//! and costs neither a call through the waker nor a lookup in the ready set.
//!
//! The flag is one word, in a separate thread-local without a destructor.

use std::cell::Cell;
use std::ptr;
use std::task::{Context, Waker};

use super::context;

// No waker's data lies at the end of the address space.
const IDLE: *const () = ptr::without_provenance(usize::MAX);
const TRACKED: *const () = ptr::without_provenance(usize::MAX - 1);
const YIELDED: *const () = ptr::without_provenance(usize::MAX - 2);

thread_local! {
    /// The data of the running task's waker, which identifies the waker; or `IDLE`, if no task
    /// runs; `YIELDED`, if the running task has yielded; `TRACKED`, if it must wake itself instead.
    static FLAG: Cell<*const ()> = const { Cell::new(IDLE) };
}

/// A task's code begins to run. A future polled with this waker may raise the flag.
#[inline]
pub(super) fn begin(waker: &Waker) {
    FLAG.set(waker.data());
}

/// A task's code begins to run, possibly a drop, and may not raise the flag.
#[inline]
pub(super) fn begin_without_flag() {
    FLAG.set(TRACKED);
}

/// The task's code has returned. Returns whether it raised the flag: the task can run again.
#[inline]
pub(super) fn end() -> bool {
    FLAG.replace(IDLE) == YIELDED
}

/// Sets the running task aside, to run another one's code. It goes on with what this returns.
pub(super) fn suspend() -> *const () {
    FLAG.replace(IDLE)
}

/// The task that was set aside goes on.
pub(super) fn resume(suspended: *const ()) {
    FLAG.set(suspended);
}

/// Whether a task's code is running, possibly a drop: a panic is the task's.
#[inline]
pub(super) fn is_running() -> bool {
    FLAG.get() != IDLE
}

/// Yields: the future that is polled with `cx` is to return `Pending`, and its task can run again.
#[inline]
pub(super) fn yield_task(cx: &Context<'_>) {
    // A waker other than the running task's belongs to a set of futures, which must learn which of
    // them to poll.
    if is_of(cx) {
        FLAG.set(YIELDED);
    } else {
        wake(cx);
    }
}

/// Yields at a scheduling point, as [`yield_task`] does. Returns `false`, and does not, for whoever
/// polls once and drops the future then, as `now_or_never` does: that only looks whether it is
/// ready.
#[inline]
pub(super) fn yield_at_point(cx: &Context<'_>) -> bool {
    if is_of(cx) {
        FLAG.set(YIELDED);
        return true;
    }
    let waits = !is_polled_once(cx);
    if waits {
        wake(cx);
    }
    waits
}

/// Whether whoever polls with `cx` learns of no wake, and has no reason to poll again: such wakers
/// have no data.
#[inline(never)]
pub(super) fn is_polled_once(cx: &Context<'_>) -> bool {
    cx.waker().data().is_null()
}

/// Whether `cx` has the running task's own waker, and the task may raise the flag. A task that has
/// yielded in this segment already may not again.
#[inline]
pub(super) fn is_of(cx: &Context<'_>) -> bool {
    FLAG.get() == cx.waker().data()
}

#[inline(never)]
fn wake(cx: &Context<'_>) {
    context::yields();
    cx.waker().wake_by_ref();
}

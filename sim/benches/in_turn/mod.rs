//! A bare poll loop: what the same futures cost without an engine.

use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Polls the tasks in turn to their end, with a waker that does nothing.
pub(crate) fn in_turn<const N: usize>(tasks: [Task; N]) {
    let mut tasks = tasks.map(Some);
    let mut cx = Context::from_waker(Waker::noop());
    let mut left = N;
    while left > 0 {
        for slot in &mut tasks {
            if let Some(task) = slot
                && let Poll::Ready(()) = black_box(task.as_mut()).poll(&mut cx)
            {
                *slot = None;
                left -= 1;
            }
        }
    }
}

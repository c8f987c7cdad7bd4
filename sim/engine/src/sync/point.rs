//! The scheduling point before an operation.

use std::task::{Context, Poll};

use crate::yield_flag;

/// Ends the running segment once: the operation that follows starts the next one.
#[derive(Debug, Default)]
pub(super) struct Point {
    passed: bool,
}

impl Point {
    /// Pending at the first call, with the task still able to run; ready ever after, and for
    /// whoever polls only once.
    #[inline]
    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.passed {
            return Poll::Ready(());
        }
        self.passed = true;
        if yield_flag::yield_at_point(cx) { Poll::Pending } else { Poll::Ready(()) }
    }
}

/// The same as a future.
pub(super) async fn point() {
    let mut point = Point::default();
    std::future::poll_fn(|cx| point.poll(cx)).await;
}

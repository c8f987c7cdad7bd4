//! Waking the tasks that wait at a tracked object.

use std::task::{Context, Waker};

use super::context;
use super::footprint::{Effect, Mode};
use super::id::{ObjectId, TaskId, TaskKey};
use super::yield_flag;

/// A waker, with the task and the segment in which it was left.
///
/// The segment that wakes a task decides in which segment of that task the wake is noticed. So a
/// wake is in conflict with each segment of the task since the waker was left there. That is one
/// segment as a rule, the one that the wake leads to. It is more if the task went on meanwhile
/// without giving the wait up: a receiver that is kept after a `select!`, or one of many futures of
/// which only those are polled that were woken.
#[derive(Debug)]
pub(super) struct Wakeup {
    waker: Waker,
    task: TaskId,
    /// Counted from 1; 0 if no footprints are kept; or [`BY_NUMBER`].
    segment: u32,
}

/// In place of a segment: the waker does nothing, and the engine wakes the task by its number.
const BY_NUMBER: u32 = u32::MAX;

impl Wakeup {
    /// The wakeup of the running task, for another one's end. The engine notices ends itself, so it
    /// needs no waker of a task that waits there itself: in an execution with four joins, counting
    /// and calling the wakers takes 4 % of the time.
    #[inline]
    pub(super) fn of_joiner(cx: &Context<'_>) -> Self {
        if yield_flag::is_of(cx) {
            let task = context::with(|cx| cx.current.get());
            Self { waker: Waker::noop().clone(), task, segment: BY_NUMBER }
        } else {
            Self::new(cx)
        }
    }

    /// The task, if the engine is to wake it by its number.
    #[inline]
    pub(super) fn by_number(&self) -> Option<TaskId> {
        (self.segment == BY_NUMBER).then_some(self.task)
    }

    /// The wakeup of the task that is running.
    #[inline]
    pub(super) fn new(cx: &Context<'_>) -> Self {
        let (task, segment) = context::with(|cx| {
            let task = cx.current.get();
            (task, if context::is_recording() { cx.segments(task) + 1 } else { 0 })
        });
        Self { waker: cx.waker().clone(), task, segment }
    }

    /// The same for a later segment.
    #[inline]
    pub(super) fn renew(&mut self, cx: &Context<'_>) {
        if self.segment > 0 || !self.waker.will_wake(cx.waker()) {
            *self = Self::new(cx);
        }
    }

    /// Whether it is that of this task.
    pub(super) fn is_of(&self, task: TaskId) -> bool {
        self.task == task
    }

    #[inline]
    pub(super) fn wake(self) {
        if self.segment > 0 {
            self.note();
        }
        self.waker.wake();
    }

    #[inline(never)]
    fn note(&self) {
        context::with(|cx| {
            if !context::is_recording() || self.task == cx.current.get() {
                return;
            }
            let key = cx.key(self.task);
            for segment in self.segment..=cx.segments(self.task) {
                let object = segment_object(key, segment + 1);
                cx.effects.borrow_mut().push(Effect::Access(object, Mode::Write));
            }
        });
    }
}

/// A segment of a task, counted from 1, as something that others bring about: they write it, the
/// segment reads it.
pub(super) const fn segment_object(task: TaskKey, segment: u32) -> ObjectId {
    ObjectId::of_task(task).part(1 + segment as u64)
}

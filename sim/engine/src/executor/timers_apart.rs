//! Due timers of one task, such as those of the branches of a `join_all`, that fire one by one.

use super::Engine;
use crate::context::Context;
use crate::id::{Site, TaskId};
use crate::log::Kind;
use crate::timers::TimerKey;

impl Engine {
    /// Fires the timers that are due at `now`: of each task all, or one, and the others later.
    #[cold]
    pub(super) fn hold_due(&mut self, cx: &Context, now: u64) {
        let first = self.held.len();
        loop {
            let due = cx.timers.borrow_mut().hold_due(now);
            let Some(due) = due else { break };
            self.held.push(due);
        }
        let task = |timer: &TimerKey| cx.timers.borrow().task(*timer);
        let mut tasks: Vec<TaskId> = self.held[first..].iter().map(task).collect();
        tasks.sort_unstable();
        tasks.dedup();
        let clock = cx.current.get();
        for task in tasks {
            cx.current.set(task);
            self.fire_some(cx, task);
        }
        cx.current.set(clock);
        // The ends of the segments that follow fire the others.
        cx.dirty.set(cx.dirty.get() || !self.held.is_empty());
    }

    /// A segment of `task` has ended: fires further timers of it.
    #[cold]
    pub(super) fn fire_held(&mut self, cx: &Context, task: TaskId) {
        if task != TaskId::CLOCK {
            self.fire_some(cx, task);
        }
        // A task that ran within this segment may have taken over what is due.
        let early: Vec<TaskId> = cx.early_runs.borrow().iter().map(|run| run.task).collect();
        for task in early {
            self.fire_some(cx, task);
        }
        cx.dirty.set(cx.dirty.get() || !self.held.is_empty());
    }

    /// Fires all timers of `task` that are held, or one of them, as the strategy decides.
    fn fire_some(&mut self, cx: &Context, task: TaskId) {
        // Those that the task has dropped meanwhile are no more.
        self.held.retain(|timer| cx.timers.borrow().is_held(*timer));
        let is_own = |timer: &TimerKey| cx.timers.borrow().task(*timer) == task;
        let due: Vec<TimerKey> = self.held.iter().copied().filter(is_own).collect();
        let arity = u32::try_from(due.len()).unwrap_or(u32::MAX - 1) + 1;
        let asks = due.len() > 1;
        let value = if asks { cx.choose(Kind::Timer, Site::NONE, arity, u32::MAX) } else { 0 };
        let fired = match value {
            0 => &due[..],
            one => &due[one as usize - 1..one as usize],
        };
        for timer in fired {
            self.held.retain(|held| held != timer);
            let waker = cx.timers.borrow_mut().disarm(*timer);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

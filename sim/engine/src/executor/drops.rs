//! Drops by decision: of a task that could run, and of one that waits.

use super::Engine;
use crate::context::{self, Context, TaskState};
use crate::id::{Site, TaskId};
use crate::log::Kind;
use crate::outcome::End;

impl Engine {
    /// Drops the picked task instead of polling it, if so decided.
    pub(super) fn drop_instead(&mut self, cx: &Context, task: TaskId) -> bool {
        if self.limits.drops_waiting && self.slots[task.index()].droppable {
            // The end of the segment asks whether the task is to be dropped while it waits.
            cx.dirty.set(true);
        }
        let drops = self.drops_now(cx, task);
        if drops {
            self.drop_future(cx, task);
            self.retire(cx, task, TaskState::Aborted);
        }
        drops
    }

    fn drops_now(&mut self, cx: &Context, task: TaskId) -> bool {
        let slot = &self.slots[task.index()];
        if slot.aborting {
            self.doomed.retain(|doomed| *doomed != task);
            self.fast_loop = self.can_use_fast_loop();
            return true;
        }
        // A task that was never polled is at no await point yet.
        if !slot.droppable || slot.polls() == 1 {
            return false;
        }
        if self.drops_left == 0 || context::is_calm(cx) {
            return false;
        }
        if cx.choose(Kind::Drop, Site::NONE, 2, self.drops_left) == 0 {
            return false;
        }
        self.drops_left -= 1;
        true
    }

    /// Asks whether a task whose segment has ended, and that waits now, is dropped before it runs
    /// again. When that happens is a matter of the order of steps, and time may pass until then.
    pub(super) fn doom(&mut self, cx: &Context, task: TaskId) {
        let slot = &self.slots[task.index()];
        let asks = slot.droppable && !slot.aborting && self.drops_left > 0;
        if !asks || context::is_calm(cx) || self.ready.gather().contains(task) {
            return;
        }
        if cx.choose(Kind::DropWaiting, Site::NONE, 2, self.drops_left) == 1 {
            self.drops_left -= 1;
            self.slots[task.index()].aborting = true;
            self.doomed.push(task);
            self.fast_loop = false;
        }
    }

    /// Decides which task runs next where some that wait are to be dropped: each of these can be
    /// picked, and none keeps the time from passing. By default it is dropped once it could run
    /// again, or once nothing else happens. `idle` says that no other task can run.
    #[cold]
    pub(super) fn decide_with_doomed(
        &mut self,
        cx: &Context,
        idle: bool,
    ) -> Result<Option<(TaskId, bool)>, End> {
        let ready = self.ready.view();
        let next = cx.timers.borrow_mut().next();
        let ahead = context::now().saturating_add(self.limits.skew_ms);
        let deadline = next.filter(|deadline| idle || *deadline <= ahead);
        let default = match deadline {
            Some(_) if idle => Some(TaskId::CLOCK),
            _ => (!idle).then(|| ready.default_after(cx.current.get())),
        };
        let waiting: Vec<TaskId> =
            self.doomed.iter().copied().filter(|task| !ready.contains(*task)).collect();
        for task in &waiting {
            self.ready.wake(*task);
        }
        let only = self.ready.gather().only();
        let (picked, departed) = match only {
            Some(only) if deadline.is_none() && !self.every_step => (only, false),
            _ => self.pick(cx, deadline.is_some(), default),
        };
        for task in waiting.into_iter().filter(|task| *task != picked) {
            self.ready.take(task);
        }
        if picked != TaskId::CLOCK {
            return Ok(Some((picked, departed)));
        }
        self.move_clock(cx, deadline.unwrap_or_else(context::now), !idle)?;
        Ok(None)
    }
}

//! Fairness: a task that only yields has to let the others, and the clock, have a turn.
//!
//! Whether a task has to wait follows from its own segments alone, and it goes on only when the
//! clock moves, or would. So the wait is one for the clock, and a reducing search need not know
//! more of it: everything before a move of the clock happens before everything after it.

use super::Engine;
use super::run::Polled;
use crate::context::{self, Context};
use crate::footprint::Effect;
use crate::id::TaskId;

/// A task's first segments are not counted: most tasks have no more.
pub(super) const UNCOUNTED: u32 = 63;

/// How many segments of a task may yield in a row before it is examined whether they bring
/// anything. Until then nothing is noted.
const UNWATCHED: u32 = 64;

/// How many more may bring nothing before the task has to wait.
const PATIENCE: u32 = 64;

/// How many segments may yield in a row, whatever they bring. A task that takes a lock to look, and
/// gives it back, changes something each time.
const LONGEST: u32 = 4_096;

/// A task that waits for its turn.
pub(super) struct PausedTask {
    task: TaskId,
    /// How often it has been polled.
    polls: u32,
    /// The step since which it waits.
    step: u64,
}

impl Engine {
    /// Notes a segment of a task that goes on later, at once if it yields or has woken itself.
    /// Returns whether the task has to wait.
    pub(super) fn pause_if_idle(&mut self, cx: &Context, task: TaskId, polled: Polled) -> bool {
        if polled != Polled::Yields && !self.ready.is_woken(task) {
            return false;
        }
        let slot = &mut self.slots[task.index()];
        let polls = slot.polls();
        if slot.last_yield + 1 == polls {
            slot.yields += 1;
        } else {
            slot.row = polls - 1;
            slot.yields = 1;
        }
        slot.last_yield = polls;
        slot.yields >= UNWATCHED && self.pause(cx, task)
    }

    /// A task has yielded often in a row. Returns whether it has to wait.
    fn pause(&mut self, cx: &Context, task: TaskId) -> bool {
        let slot = &mut self.slots[task.index()];
        let progressed = context::has_progressed(cx);
        context::watch_progress();
        if progressed {
            slot.yields = UNWATCHED;
        }
        let longest = slot.polls() - slot.row >= LONGEST;
        if slot.yields < UNWATCHED + PATIENCE && !longest {
            return false;
        }
        if longest {
            slot.row = slot.polls();
        }
        if !progressed {
            // After its turn it may look once.
            slot.yields = UNWATCHED + PATIENCE - 1;
        }
        self.paused.push(PausedTask { task, polls: slot.polls(), step: cx.step.get() });
        self.ready.gather();
        self.ready.take(task);
        true
    }

    /// No task can run and no timer is armed. If a single task waits for its turn, it goes on as if
    /// it had not waited. Returns whether it does.
    pub(super) fn resume_only(&mut self, cx: &Context) -> bool {
        // With spurious polls left, another task may come next.
        let [PausedTask { step, .. }] = self.paused[..] else { return false };
        if self.spurious_left > 0 {
            return false;
        }
        if self.recording {
            // What the others did meanwhile came before.
            let others = step + 1..cx.step.get();
            cx.effects.borrow_mut().extend(others.map(Effect::After));
        }
        self.resume_paused();
        true
    }

    /// Lets the tasks go on that wait for their turn.
    pub(super) fn resume_paused(&mut self) {
        for PausedTask { task, polls, .. } in self.paused.drain(..) {
            // One that has been polled meanwhile was woken by something else.
            if self.slots[task.index()].polls() == polls {
                self.ready.wake(task);
            }
        }
    }
}

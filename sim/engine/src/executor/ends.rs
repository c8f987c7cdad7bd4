//! The ends of an execution that cannot go on: a deadlock, a livelock, a wait for another thread.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::Engine;
use super::run::task_name;
use crate::context::{Context, Wait, WaitFor};
use crate::id::TaskId;
use crate::outcome::{Blocked, Budget, End};

impl Engine {
    /// Nothing can run and no timer is armed.
    pub(super) fn stuck(&mut self, cx: &Context) -> End {
        if self.foreground == 0 {
            return End::Completed;
        }
        let (tasks, mut blocked) = self.blocked(cx);
        if self.wakes_outside() > 0 || self.can_be_woken_outside(cx) && self.await_wake(&blocked) {
            return End::Outside(blocked);
        }
        for (task, blocked) in tasks.into_iter().zip(&mut blocked) {
            if blocked.place.is_none() {
                blocked.place = self.place_of(cx, task);
            }
        }
        End::Deadlock(blocked)
    }

    /// A budget has run out.
    #[cold]
    pub(super) fn exhausted(&self, cx: &Context, budget: Budget) -> End {
        let threads = self.ready.home().threads().clone();
        let outside =
            self.wakes_outside() > 0 || threads.have_woken() && self.can_be_woken_outside(cx);
        if outside { End::Outside(self.blocked(cx).1) } else { End::Livelock(budget) }
    }

    /// How many wakes have come from other threads since the execution began.
    fn wakes_outside(&self) -> u64 {
        self.ready.home().wakes() - self.wakes_before
    }

    /// Waits for a wake from another thread, once for each deadlock.
    fn await_wake(&self, blocked: &[Blocked]) -> bool {
        let mut deadlock = DefaultHasher::new();
        blocked.iter().for_each(|blocked| (&blocked.task, &blocked.on).hash(&mut deadlock));
        let threads = self.ready.home().threads().clone();
        threads.await_wake(deadlock.finish())
    }

    /// Whether somebody has the waker of a task that waits, and is none of the objects that the
    /// engine knows.
    fn can_be_woken_outside(&self, cx: &Context) -> bool {
        (0..).map(TaskId).take(self.admitted).any(|id| {
            let waits = self.slots[id.index()].future.is_some();
            waits && self.ready.waker_clones(id) > self.known_clones(cx, id)
        })
    }

    /// How many clones of its waker a task has left where the engine knows of them.
    fn known_clones(&self, cx: &Context, id: TaskId) -> usize {
        let joined_by_number = |task: TaskId| {
            let tasks = cx.tasks.borrow();
            tasks[task.index()].joiner.as_ref().is_some_and(|joiner| joiner.by_number().is_some())
        };
        match self.wait_of(cx, id).map(|wait| wait.what) {
            None => 0,
            Some(WaitFor::Task(task)) if joined_by_number(task) => 0,
            // An object holds one, of a task that waits for it alone.
            Some(_) => 1,
        }
    }

    /// What a task waits for, if the engine knows.
    fn wait_of(&self, cx: &Context, id: TaskId) -> Option<Wait> {
        let log = &self.log[..self.log.len().min(cx.step.get() as usize)];
        let wait = cx.tasks.borrow().get(id.index())?.waits?;
        // A task that ran before its spawn returned has no step of its own there.
        let last = log.iter().rposition(|step| step.task() == id);
        last.is_none_or(|last| last as u64 <= wait.step).then_some(wait)
    }

    /// The tasks that wait and are not in the background.
    fn blocked(&self, cx: &Context) -> (Vec<TaskId>, Vec<Blocked>) {
        (0..)
            .map(TaskId)
            .zip(&self.slots[..self.admitted])
            .filter(|(_, slot)| slot.future.is_some() && !slot.background)
            .map(|(id, _)| {
                let wait = self.wait_of(cx, id);
                let is_untracked = wait.is_none() && self.ready.waker_clones(id) > 0;
                let on = match wait.map(|wait| wait.what) {
                    Some(WaitFor::Task(id)) => format!("the end of task {:?}", task_name(cx, id)),
                    Some(WaitFor::Clock) => "the clock".to_owned(),
                    Some(WaitFor::Object { kind, name }) => format!("{kind} {name:?}"),
                    None if is_untracked => UNTRACKED.to_owned(),
                    None => NOTHING.to_owned(),
                };
                let place = wait.and_then(|wait| wait.place);
                let place = place.map(|place| format!("{}:{}", place.file(), place.line()));
                (id, Blocked { task: task_name(cx, id), on, place, is_untracked })
            })
            .unzip()
    }
}

/// What a task waits for that nothing will ever wake.
const NOTHING: &str = "something that cannot come: nobody has its waker";

/// What a task waits for that others made.
const UNTRACKED: &str = "something that the engine does not track";

//! The loop of one execution.

use super::{Engine, Facts};
use crate::decision::{Kind, Step};
use crate::engine::context::{self, Context, Life, WaitFor};
use crate::engine::footprint::{Effect, Mode};
use crate::engine::id::{ObjectId, Site, TaskId};
use crate::engine::outcome::{Blocked, Budget, End, TaskPanic};
use crate::engine::ready::Ready;
use crate::engine::strategy::Decision;
use std::any::Any;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task;

impl Engine {
    /// Runs the loop, again after each panic of a task.
    pub(super) fn drive(&mut self, cx: &Context) -> End {
        loop {
            let caught = catch_unwind(AssertUnwindSafe(|| self.run(cx)));
            let payload = match caught {
                Ok(end) => return end,
                Err(payload) => payload,
            };
            if !cx.polling.replace(false) {
                self.give_up(cx);
                resume_unwind(payload);
            }
            let task = cx.current.get();
            self.note_panic(cx, task, &*payload);
            self.drop_future(cx, task);
            self.retire(cx, task, Life::Panicked);
            if let ControlFlow::Break(end) = self.settle(cx, task, false) {
                return end;
            }
        }
    }

    /// Leaves nothing of an execution to the next after a panic that is no task's.
    #[cold]
    fn give_up(&mut self, cx: &Context) {
        self.close(cx, 0, End::Abandoned);
    }

    /// Polls one task after another. A call of its own, so that it has the registers to itself.
    #[inline(never)]
    fn run(&mut self, cx: &Context) -> End {
        loop {
            if self.plain
                && let ControlFlow::Break(end) = self.run_plain(cx)
            {
                return end;
            }
            let (task, departed) = match self.decide(cx) {
                Ok(Some(next)) => next,
                Ok(None) => continue,
                Err(end) => return end,
            };
            self.ready.take(task);
            if self.recording {
                self.hide_ready();
            }
            if let ControlFlow::Break(end) = self.segment(cx, task, departed) {
                return end;
            }
        }
    }

    fn segment(&mut self, cx: &Context, task: TaskId, departed: bool) -> ControlFlow<End> {
        let waits = self.poll(cx, task, departed)?;
        self.settle(cx, task, waits)
    }

    /// Goes on while a look at the first word of the ready set is all that there is to do between two segments.
    #[inline(always)]
    fn run_plain(&mut self, cx: &Context) -> ControlFlow<End> {
        loop {
            let word = self.ready.first_word();
            if word == 0 {
                return ControlFlow::Continue(());
            }
            let ready = Ready::small(word);
            let (task, departed) = match ready.only() {
                Some(task) => (task, false),
                None => self.pick(cx, ready, false),
            };
            self.ready.take_of_first(word, task);
            let waits = self.poll(cx, task, departed)?;
            if waits && !cx.dirty.get() {
                cx.step.set(cx.step.get() + 1);
                continue;
            }
            self.settle(cx, task, waits)?;
            if !self.plain {
                return ControlFlow::Continue(());
            }
        }
    }

    /// Polls a task that was taken out of the ready set, and says whether it waits. Otherwise it is at its end.
    #[inline(always)]
    fn poll(&mut self, cx: &Context, task: TaskId, departed: bool) -> ControlFlow<End, bool> {
        if self.log.len() as u64 >= self.limits.max_steps {
            return ControlFlow::Break(End::Livelock(Budget::Steps));
        }
        self.log.push(Step::of(task, departed));
        cx.current.set(task);
        let mut slot = &mut self.slots[task.index()];
        slot.polls += 1;
        if slot.special {
            if self.drop_instead(cx, task) {
                return ControlFlow::Continue(false);
            }
            slot = &mut self.slots[task.index()];
        }
        let mut task_cx = task::Context::from_waker(&slot.waker);
        let future = slot.future.as_mut().expect("only living tasks are ready");
        cx.polling.set(true);
        if future.as_mut().poll(&mut task_cx).is_pending() {
            cx.polling.set(false);
            return ControlFlow::Continue(true);
        }
        slot.future = None;
        cx.polling.set(false);
        self.retire(cx, task, Life::Finished);
        ControlFlow::Continue(false)
    }

    /// A task's segment is over, and with its last one perhaps the execution.
    fn settle(&mut self, cx: &Context, task: TaskId, waits: bool) -> ControlFlow<End> {
        self.after_segment(cx, task, !waits);
        if waits || self.foreground > 0 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(End::Completed)
        }
    }

    /// Whether a look at the first word of the ready set is all that there is to do between two segments.
    pub(super) fn is_plain(&self) -> bool {
        self.limits.skew_ms == 0
            && self.spurious_left == 0
            && !self.recording
            && self.ready.is_small()
    }

    /// Settles who runs next, and whether that departs from the default. `None` if the clock moved.
    #[inline(never)]
    fn decide(&mut self, cx: &Context) -> Result<Option<(TaskId, bool)>, End> {
        if self.recording {
            let abandons = cx.strategy.borrow_mut().as_mut().is_some_and(|s| s.abandons());
            if abandons {
                return Err(End::Abandoned);
            }
        }
        if self.spurious_left > 0
            && let Some(task) = self.spurious(cx)
        {
            return Ok(Some((task, false)));
        }
        let empty = self.ready.view().is_empty();
        let deadline =
            if empty || self.limits.skew_ms > 0 { cx.timers.borrow_mut().next() } else { None };
        if empty {
            let Some(deadline) = deadline else { return Err(self.stuck(cx)) };
            self.move_clock(cx, deadline, false)?;
            return Ok(None);
        }
        let clock = deadline.is_some_and(|d| d <= cx.now.get().saturating_add(self.limits.skew_ms));
        if !clock
            && !self.recording
            && let Some(only) = self.ready.view().only()
        {
            return Ok(Some((only, false)));
        }
        let (picked, departed) = self.pick(cx, self.ready.view(), clock);
        if picked == TaskId::CLOCK {
            let deadline = deadline.unwrap_or_else(|| cx.now.get());
            self.move_clock(cx, deadline, true)?;
            return Ok(None);
        }
        Ok(Some((picked, departed)))
    }

    /// Asks the strategy who runs next. Says also whether that departs from the default.
    #[inline(always)]
    fn pick(&self, cx: &Context, ready: Ready<'_>, clock: bool) -> (TaskId, bool) {
        let at = Decision { ready, clock, facts: Facts(self) };
        let default = ready.default_after(cx.current.get());
        let picked =
            cx.strategy.borrow_mut().as_mut().expect("an execution has a strategy").pick(&at);
        if at.contains(picked) { (picked, picked != default) } else { not_ready(default) }
    }

    /// Moves the clock to `deadline`, if that is still to come, and wakes whoever is due.
    fn move_clock(&mut self, cx: &Context, deadline: u64, departed: bool) -> Result<(), End> {
        let now = cx.now.get().max(deadline);
        if now > self.limits.max_virtual_ms {
            return Err(End::Livelock(Budget::VirtualTime));
        }
        cx.now.set(now);
        cx.current.set(TaskId::CLOCK);
        self.clock_moves += 1;
        if self.recording {
            self.hide_ready();
        }
        self.log.push(Step::clock(departed));
        loop {
            let due = cx.timers.borrow_mut().pop_due(now);
            match due {
                Some(waker) => waker.wake(),
                None => break,
            }
        }
        self.after_segment(cx, TaskId::CLOCK, false);
        Ok(())
    }

    /// Asks whether a task that waits is polled without having been woken.
    fn spurious(&mut self, cx: &Context) -> Option<TaskId> {
        let waiting = || {
            let tasks = (0..).map(TaskId).zip(&self.slots[..self.admitted]);
            let waiting = tasks
                .filter(|(id, slot)| slot.future.is_some() && !self.ready.view().contains(*id));
            waiting.map(|(id, _)| id)
        };
        let arity = u32::try_from(waiting().count()).ok()? + 1;
        if arity == 1 {
            return None;
        }
        let value = cx.choose(Kind::Spurious, Site::NONE, arity, self.spurious_left);
        let task = waiting().nth(value.checked_sub(1)? as usize)?;
        self.spurious_left -= 1;
        self.plain = self.is_plain();
        Some(task)
    }

    /// Drops the task that was picked, if it is not to be polled.
    #[cold]
    fn drop_instead(&mut self, cx: &Context, task: TaskId) -> bool {
        let drops = self.drops_now(cx, task);
        if drops {
            self.drop_future(cx, task);
            self.retire(cx, task, Life::Aborted);
        }
        drops
    }

    fn drops_now(&mut self, cx: &Context, task: TaskId) -> bool {
        let slot = &self.slots[task.index()];
        if slot.aborting {
            return true;
        }
        // A task that was never polled is at no await point yet.
        if slot.polls == 1 {
            return false;
        }
        if self.drops_left == 0 || cx.choose(Kind::Drop, Site::NONE, 2, self.drops_left) == 0 {
            return false;
        }
        self.drops_left -= 1;
        true
    }

    /// Drops a task's future, if it is still there. A panic is the task's.
    pub(super) fn drop_future(&mut self, cx: &Context, task: TaskId) {
        let Some(future) = self.slots[task.index()].future.take() else { return };
        cx.polling.set(true);
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(future))) {
            self.note_panic(cx, task, &*payload);
        }
        cx.polling.set(false);
    }

    /// The task is at its end: whoever joins it is woken.
    fn retire(&mut self, cx: &Context, task: TaskId, life: Life) {
        self.ready.retire(task);
        self.foreground -= usize::from(!self.slots[task.index()].background);
        let (joiner, key) = {
            let mut tasks = cx.tasks.borrow_mut();
            let meta = &mut tasks[task.index()];
            meta.life = life;
            meta.ended_at = cx.step.get();
            (meta.joiner.take(), meta.key)
        };
        if let Some(joiner) = joiner {
            joiner.wake();
        }
        if self.recording {
            context::effect(Effect::Access(ObjectId::of_task(key).part(1), Mode::Write));
        }
    }

    /// Takes in the newborn, marks the aborted, reports the footprint.
    fn after_segment(&mut self, cx: &Context, task: TaskId, finished: bool) {
        if cx.dirty.get() {
            self.take_orders(cx);
            if self.recording {
                self.report_segment(cx, task, finished);
            }
        }
        cx.step.set(cx.step.get() + 1);
    }

    #[inline(never)]
    fn take_orders(&mut self, cx: &Context) {
        cx.dirty.set(self.recording);
        self.spawned.clear();
        for child in cx.newborn.borrow_mut().drain(..) {
            let id = TaskId(u32::try_from(self.admitted).expect("task numbers fit"));
            if self.recording {
                self.spawned.push(id);
            }
            self.admit(id, child.future, child.droppable, child.background);
        }
        if cx.aborts.borrow().is_empty() {
            return;
        }
        for id in cx.aborts.borrow_mut().drain(..) {
            if let Some(slot) = self.slots.get_mut(id.index())
                && slot.future.is_some()
            {
                slot.aborting = true;
                slot.special = true;
                self.ready.wake(id);
            }
        }
    }

    fn note_panic(&mut self, cx: &Context, task: TaskId, payload: &(dyn Any + Send)) {
        let message = payload
            .downcast_ref::<&'static str>()
            .map(|s| (*s).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a text".to_owned());
        self.panics.push(TaskPanic {
            task,
            name: cx.tasks.borrow()[task.index()].name.to_string(),
            step: cx.step.get(),
            message,
            place: cx.panic_place.borrow_mut().take(),
        });
    }

    /// Nothing can run and no timer is armed.
    fn stuck(&self, cx: &Context) -> End {
        if self.foreground == 0 {
            return End::Completed;
        }
        let tasks = cx.tasks.borrow();
        let name =
            |id: TaskId| tasks.get(id.index()).map(|t| t.name.to_string()).unwrap_or_default();
        let last_step = |id: TaskId| self.log.iter().rposition(|step| step.task() == id);
        let blocked = (0..)
            .map(TaskId)
            .zip(tasks.iter().zip(&self.slots))
            .filter(|(_, (_, slot))| slot.future.is_some() && !slot.background)
            .map(|(id, (meta, _))| {
                let wait = meta
                    .waits
                    .filter(|wait| last_step(id).is_some_and(|step| step as u64 == wait.step))
                    .map(|wait| wait.what);
                let on = match wait {
                    Some(WaitFor::Task(id)) => format!("the end of task {:?}", name(id)),
                    Some(WaitFor::Clock) => "the clock".to_owned(),
                    Some(WaitFor::Object { kind, name }) => format!("{kind} {name:?}"),
                    None => "something that the engine does not track".to_owned(),
                };
                Blocked { task: meta.name.to_string(), on }
            })
            .collect();
        End::Deadlock(blocked)
    }
}

/// What a pick of a task that cannot run comes to. Out of the way, for it does not occur in the loop of a good strategy.
#[cold]
fn not_ready(default: TaskId) -> (TaskId, bool) {
    (default, false)
}

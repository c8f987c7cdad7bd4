//! The loop of one execution.

use std::any::Any;
use std::mem;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task;

use super::fairness::UNCOUNTED;
use super::{Engine, EngineView, TaskSlot};
use crate::caught::message_of;
use crate::context::{self, BoxedTask, Context, TaskState};
use crate::footprint::{Effect, Mode};
use crate::id::{ObjectId, Site, TaskId};
use crate::log::{Kind, LogStep};
use crate::oracle::{Decision, Observer};
use crate::outcome::{Budget, End, TaskPanic};
use crate::ready::{Ready, sample_bit};
use crate::yield_flag;

impl Engine {
    /// Runs the loop, again after each panic of a task.
    pub(super) fn drive(&mut self, cx: &Context) -> End {
        loop {
            let caught = catch_unwind(AssertUnwindSafe(|| self.run(cx)));
            let payload = match caught {
                Ok(end) => return end,
                Err(payload) => payload,
            };
            if !yield_flag::is_running() {
                self.abort_execution(cx);
                resume_unwind(payload);
            }
            yield_flag::end();
            let task = cx.current.get();
            self.note_panic(cx, task, payload, false);
            self.drop_future(cx, task);
            self.retire(cx, task, TaskState::Panicked);
            if let ControlFlow::Break(end) = self.settle(cx, task, false) {
                return end;
            }
        }
    }

    /// Cleans up after a panic that no task caused, so that the next execution starts afresh.
    #[cold]
    fn abort_execution(&mut self, cx: &Context) {
        self.close(cx, 0, End::Abandoned);
    }

    /// Polls one task after another. Not inlined, so that the loop has the registers to itself.
    #[inline(never)]
    fn run(&mut self, cx: &Context) -> End {
        if self.fair_end.is_some() {
            return self.run_rounds(cx);
        }
        loop {
            if self.fast_loop {
                let few = self.ready.is_small();
                let flow = if few { self.run_few(cx) } else { self.run_many(cx) };
                if let ControlFlow::Break(end) = flow {
                    return end;
                }
            }
            let (task, departed) = match self.decide(cx) {
                Ok(Some(next)) => next,
                Ok(None) => continue,
                Err(end) => return end,
            };
            self.ready.take(task);
            if self.recording {
                self.ready.hide();
            }
            if let ControlFlow::Break(end) = self.segment(cx, task, departed) {
                return end;
            }
        }
    }

    fn segment(&mut self, cx: &Context, task: TaskId, departed: bool) -> ControlFlow<End> {
        let polled = self.poll(cx, task, LogStep::of(task, departed), self.recording)?;
        if polled == Polled::Yields {
            self.ready.wake(task);
        }
        self.settle(cx, task, polled != Polled::Ends)
    }

    /// Runs as long as the engine only has to read the first word of the ready set between two
    /// segments.
    #[inline(always)]
    fn run_few(&mut self, cx: &Context) -> ControlFlow<End> {
        let mut ready = self.ready.first_word();
        while ready != 0 {
            // A task is a bit here.
            let next = if ready.is_power_of_two() { ready } else { self.pick_few(cx, ready) };
            let task = TaskId(next.trailing_zeros());
            self.ready.set_first_word(ready & !next);
            let polled = self.poll(cx, task, LogStep::among(ready, task), false)?;
            // A task that yielded is ready. The ready set learns so only when the next one is
            // taken.
            let again = if polled == Polled::Yields { next } else { 0 };
            ready = self.ready.first_word() | again;
            if polled != Polled::Ends && !cx.dirty.get() {
                cx.step.set(cx.step.get() + 1);
                continue;
            }
            self.ready.set_first_word(ready);
            self.settle(cx, task, polled != Polled::Ends)?;
            if !self.fast_loop || !self.ready.is_small() {
                break;
            }
            ready = self.ready.first_word();
        }
        ControlFlow::Continue(())
    }

    /// The same over the list of those that can run.
    #[inline(never)]
    fn run_many(&mut self, cx: &Context) -> ControlFlow<End> {
        // Where in the list the task was that ran last.
        let mut place = 0;
        loop {
            let (task, departed) = match self.ready.gather_list() {
                [] => return ControlFlow::Continue(()),
                [only] => (*only, false),
                _ => self.pick_of_list(cx, &mut place),
            };
            let polled = self.poll(cx, task, LogStep::of(task, departed), false)?;
            // A task that yielded stays in the list, and one that has ended has left it.
            if polled == Polled::Waits {
                self.ready.take(task);
            }
            if polled != Polled::Ends && !cx.dirty.get() {
                cx.step.set(cx.step.get() + 1);
            } else {
                self.settle(cx, task, polled != Polled::Ends)?;
                if !self.fast_loop {
                    return ControlFlow::Continue(());
                }
            }
        }
    }

    /// Polls a task and returns how the poll ended. A finished task has left the ready set.
    #[inline(always)]
    fn poll(
        &mut self,
        cx: &Context,
        task: TaskId,
        step: LogStep,
        recording: bool,
    ) -> ControlFlow<End, Polled> {
        match self.log.get_mut(cx.step.get() as usize) {
            Some(row) => *row = step,
            None => self.lengthen_log(step)?,
        }
        cx.current.set(task);
        let slot = &mut self.slots[task.index()];
        slot.unwatched -= 1;
        if slot.unwatched < 0 {
            return ControlFlow::Continue(self.poll_watched(cx, task, recording));
        }
        let polled = slot.poll(recording);
        if polled == Polled::Ends {
            self.retire(cx, task, TaskState::Finished);
        }
        ControlFlow::Continue(polled)
    }

    /// The same for a task that may be dropped instead, or may have to wait for its turn.
    #[inline(never)]
    pub(super) fn poll_watched(&mut self, cx: &Context, task: TaskId, recording: bool) -> Polled {
        let slot = &mut self.slots[task.index()];
        slot.unwatched = 0;
        slot.watched_from += 1;
        if self.notes_segments() {
            self.begin_note(cx, task);
        }
        self.say(cx, task);
        if self.drop_instead(cx, task) {
            return Polled::Ends;
        }
        let polled = if self.guest.is_some() {
            self.poll_hosted(task, recording)
        } else {
            self.slots[task.index()].poll(recording)
        };
        if polled == Polled::Ends {
            self.retire(cx, task, TaskState::Finished);
        } else if self.slots[task.index()].polls() > UNCOUNTED
            && self.pause_if_idle(cx, task, polled)
        {
            return Polled::Waits;
        }
        polled
    }

    /// Adds a step and room for more, up to the limit of them.
    #[cold]
    fn lengthen_log(&mut self, step: LogStep) -> ControlFlow<End> {
        let steps = self.log.len();
        let limit = usize::try_from(self.limits.max_steps).unwrap_or(usize::MAX);
        if steps >= limit {
            let task = step.task();
            return ControlFlow::Break(context::with(|cx| {
                if self.limits.ends_fairly {
                    self.end_fairly(cx, task)
                } else {
                    self.exhausted(cx, Budget::Steps)
                }
            }));
        }
        self.log.resize((2 * steps).max(64).min(limit), step);
        ControlFlow::Continue(())
    }

    /// A task's segment is over, and with its last one perhaps the execution.
    #[inline(always)]
    pub(super) fn settle(&mut self, cx: &Context, task: TaskId, waits: bool) -> ControlFlow<End> {
        self.after_segment(cx, task, !waits);
        if waits || self.goes_on_after(task) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(End::Completed)
        }
    }

    /// Whether the execution goes on where this task has ended.
    #[inline(always)]
    fn goes_on_after(&self, task: TaskId) -> bool {
        let goes_on = self.foreground > 0 || self.recording && self.has_background();
        goes_on && !(self.limits.ends_with_main && task == TaskId::MAIN)
    }

    /// Whether the engine only has to read the ready set between two segments.
    pub(super) fn can_use_fast_loop(&self) -> bool {
        self.limits.skew_ms == 0
            && self.spurious_left == 0
            && !self.recording
            && !self.every_step
            && self.doomed.is_empty()
    }

    /// Decides which task runs next, and whether that departs from the default. `None` if the clock
    /// moved.
    #[inline(never)]
    fn decide(&mut self, cx: &Context) -> Result<Option<(TaskId, bool)>, End> {
        if self.recording {
            let mut strategy = cx.strategy.borrow_mut();
            let observer = strategy.as_mut().and_then(|strategy| strategy.observer());
            if observer.is_some_and(Observer::abandons) {
                return Err(End::Abandoned);
            }
        }
        let empty = self.ready.gather().is_empty();
        if !self.doomed.is_empty() {
            return self.decide_with_doomed(cx, empty);
        }
        if self.spurious_left > 0
            && let Some(task) = self.spurious(cx)
        {
            return Ok(Some((task, false)));
        }
        let deadline =
            if empty || self.limits.skew_ms > 0 { cx.timers.borrow_mut().next() } else { None };
        if empty {
            let deadline = match deadline {
                _ if self.guest.is_some() => match self.next_with_guest(deadline) {
                    Some(deadline) => deadline,
                    None => return Err(self.stuck(cx)),
                },
                Some(deadline) => deadline,
                // Time passes for those that wait for it without a timer.
                None if !self.paused.is_empty() && context::take_clock_read() => {
                    context::now().saturating_add(1)
                }
                None if self.resume_only(cx) => return Ok(None),
                None if self.paused.is_empty() => return Err(self.stuck(cx)),
                None => context::now(),
            };
            self.move_clock(cx, deadline, false)?;
            return Ok(None);
        }
        let clock =
            deadline.is_some_and(|d| d <= context::now().saturating_add(self.limits.skew_ms));
        if !clock
            && !self.every_step
            && let Some(only) = self.ready.view().only()
        {
            return Ok(Some((only, false)));
        }
        let (picked, departed) = self.pick(cx, clock, None);
        if picked == TaskId::CLOCK {
            let deadline = deadline.unwrap_or_else(context::now);
            self.move_clock(cx, deadline, true)?;
            return Ok(None);
        }
        Ok(Some((picked, departed)))
    }

    /// Decides which task runs next, or that the clock moves, and whether that departs from the
    /// default.
    pub(super) fn pick(
        &mut self,
        cx: &Context,
        clock: bool,
        default: Option<TaskId>,
    ) -> (TaskId, bool) {
        let mut rng = self.rng.take();
        let at = Decision { ready: self.ready.view(), clock, default, view: EngineView(self) };
        let default = at.default_task();
        let picked = match &mut rng {
            Some(rng) => at.sample(|len| rng.below(len)),
            None => ask(cx, &at),
        };
        let picked = if at.contains(picked) { picked } else { default };
        self.rng = rng;
        (picked, picked != default)
    }

    /// The same from the list of tasks that can run. `place` is the likely position of the task
    /// that ran last.
    #[inline(always)]
    fn pick_of_list(&mut self, cx: &Context, place: &mut usize) -> (TaskId, bool) {
        let list = self.ready.list();
        let current = cx.current.get();
        if list.get(*place) != Some(&current) {
            *place = list.binary_search(&current).unwrap_or(0);
        }
        let default = list[*place];
        *place = match &mut self.rng {
            Some(rng) => rng.below(list.len() as u32) as usize,
            None => {
                let ready = Ready::of_list(list);
                let picked = ask(
                    cx,
                    &Decision { ready, clock: false, default: None, view: EngineView(self) },
                );
                list.binary_search(&picked).unwrap_or(*place)
            }
        };
        let task = list[*place];
        (task, task != default)
    }

    /// The bit of the task that runs next, of few.
    #[inline(always)]
    fn pick_few(&mut self, cx: &Context, ready: u64) -> u64 {
        match &mut self.rng {
            Some(rng) => sample_bit(ready, |len| rng.below(len)),
            None => self.ask_of_few(cx, ready),
        }
    }

    #[inline(never)]
    fn ask_of_few(&self, cx: &Context, ready: u64) -> u64 {
        let ready = Ready::small(ready);
        let picked =
            ask(cx, &Decision { ready, clock: false, default: None, view: EngineView(self) });
        let task =
            if ready.contains(picked) { picked } else { ready.default_after(cx.current.get()) };
        1 << (task.0 & 63)
    }

    /// Moves the clock to `deadline`, if that is in the future, and wakes the tasks that are due.
    /// If it does not depart, no task can run, and those that wait for their turn go on too.
    pub(super) fn move_clock(
        &mut self,
        cx: &Context,
        deadline: u64,
        departed: bool,
    ) -> Result<(), End> {
        let deadline = if self.guest.is_some() { self.advance_guest(deadline) } else { deadline };
        let now = context::now().max(deadline);
        if now > self.limits.max_virtual_ms {
            return Err(self.exhausted(cx, Budget::VirtualTime));
        }
        context::set_now(now);
        cx.current.set(TaskId::CLOCK);
        self.clock_moves += 1;
        if self.recording {
            self.ready.hide();
        }
        // No limit of steps applies: the next segment's does.
        let step = cx.step.get() as usize;
        self.log.resize(self.log.len().max(step + 1), LogStep::clock(false));
        self.log[step] = LogStep::clock(departed);
        if let Some(beacon) = &self.beacon {
            beacon.passes(step as u64, TaskId::CLOCK);
        }
        if self.notes_segments() {
            self.begin_note(cx, TaskId::CLOCK);
        }
        self.fire_due(cx, now);
        if !departed {
            self.resume_paused();
        }
        self.after_segment(cx, TaskId::CLOCK, false);
        Ok(())
    }

    /// Fires the timers that are due at `now`, but for those that are to fire later.
    pub(super) fn fire_due(&mut self, cx: &Context, now: u64) {
        if self.guest.is_some() {
            self.wake_from_guest();
        }
        if self.limits.timers_apart {
            self.hold_due(cx, now);
        }
        loop {
            let due = cx.timers.borrow_mut().pop_due(now);
            match due {
                Some(waker) => waker.wake(),
                None => break,
            }
        }
    }

    /// Asks whether a task that waits is polled without having been woken.
    fn spurious(&mut self, cx: &Context) -> Option<TaskId> {
        let waiting = self.ready.waiting();
        if waiting == 0 || cx.is_calm.get() {
            return None;
        }
        let value = cx.choose(Kind::Spurious, Site::NONE, waiting + 1, self.spurious_left);
        let task = self.ready.nth_waiting(value.checked_sub(1)?)?;
        self.spurious_left -= 1;
        self.fast_loop = self.can_use_fast_loop();
        Some(task)
    }

    /// Says that a task's code runs, if anyone wants to know.
    fn say(&self, cx: &Context, task: TaskId) {
        if let Some(beacon) = &self.beacon {
            beacon.runs(cx.step.get(), task);
        }
    }

    /// Drops a task's future, if it is still there. A panic is the task's.
    pub(super) fn drop_future(&mut self, cx: &Context, task: TaskId) {
        if let Some(future) = self.slots[task.index()].future.take() {
            self.drop_caught(cx, task, future);
        }
    }

    /// Drops the future of a task. A panic is the task's.
    pub(super) fn drop_caught(&mut self, cx: &Context, task: TaskId, future: BoxedTask) {
        self.say(cx, task);
        yield_flag::begin_without_flag();
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.hosted(|| drop(future)))) {
            self.note_panic(cx, task, payload, false);
        }
        yield_flag::end();
    }

    /// The task has ended: wakes the task that joins it.
    pub(super) fn retire(&mut self, cx: &Context, task: TaskId, life: TaskState) {
        self.ready.retire(task);
        self.foreground -= usize::from(!self.slots[task.index()].background);
        let joiner = {
            let mut tasks = cx.tasks.borrow_mut();
            let meta = &mut tasks[task.index()];
            meta.life = life;
            meta.ended_at = cx.step.get();
            meta.joiner.take()
        };
        if let Some(joiner) = joiner {
            match joiner.by_number() {
                Some(id) => self.ready.wake(id),
                None => joiner.wake(),
            }
        }
        if self.recording {
            let end = ObjectId::of_task(cx.key(task)).part(1);
            context::effect(Effect::Access(end, Mode::Write));
        }
    }

    /// Admits spawned tasks, marks aborted ones, reports the footprint.
    pub(super) fn after_segment(&mut self, cx: &Context, task: TaskId, finished: bool) {
        if cx.dirty.get() {
            self.take_orders(cx, task, finished);
            if self.recording && self.fair_end.is_none() {
                self.report_segment(cx, task, finished);
            }
            if self.notes_segments() {
                self.end_note(cx, task);
            }
        }
        cx.step.set(cx.step.get() + 1);
    }

    #[inline(never)]
    fn take_orders(&mut self, cx: &Context, task: TaskId, finished: bool) {
        cx.dirty.set(cx.stays_dirty.get());
        let has_extras = cx.has_extras.get();
        if has_extras {
            self.take_first_extras(cx, task, finished);
        }
        for child in cx.spawned.borrow_mut().drain(..) {
            let id = TaskId(u32::try_from(self.admitted).expect("task numbers fit"));
            if self.recording {
                self.spawned.push(id);
            }
            self.admit(id, child.future, child.droppable, child.background);
        }
        if has_extras || !cx.aborts.borrow().is_empty() {
            self.take_last_extras(cx);
        }
    }

    /// What few executions do at the end of a segment, before its spawned tasks are admitted.
    #[inline(never)]
    fn take_first_extras(&mut self, cx: &Context, task: TaskId, finished: bool) {
        self.spawned.clear();
        if self.guest.is_some() {
            self.wake_guest(cx);
        }
        if !cx.looks.borrow().is_empty() {
            self.look(cx, task);
        }
        if !self.held.is_empty() {
            self.fire_held(cx, task);
        }
        if self.limits.drops_waiting && !finished && task != TaskId::CLOCK {
            self.doom(cx, task);
        }
    }

    /// The same after they are.
    #[inline(never)]
    fn take_last_extras(&mut self, cx: &Context) {
        if !cx.early_runs.borrow().is_empty() {
            self.settle_early_runs(cx);
        }
        for id in cx.aborts.borrow_mut().drain(..) {
            self.abort(id);
        }
        if self.recording && self.foreground == 0 {
            self.end_background(cx);
        }
    }

    /// Lets a task be dropped at its next step.
    pub(super) fn abort(&mut self, id: TaskId) {
        if let Some(slot) = self.slots.get_mut(id.index())
            && slot.future.is_some()
        {
            slot.aborting = true;
            slot.watch();
            self.ready.wake(id);
        }
    }

    pub(super) fn note_panic(
        &mut self,
        cx: &Context,
        task: TaskId,
        payload: Box<dyn Any + Send>,
        early: bool,
    ) {
        let message = message_of(&*payload);
        self.panics.push(TaskPanic {
            task,
            name: task_name(cx, task),
            step: cx.step.get(),
            message,
            place: cx.panic_place.borrow_mut().take(),
            early,
        });
        cx.last_panics.borrow_mut().clear();
        // A payload may panic in its turn when it is dropped. That adds nothing.
        yield_flag::begin_without_flag();
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            mem::forget(second);
        }
        yield_flag::end();
    }
}

impl TaskSlot {
    #[inline(always)]
    pub(super) fn poll(&mut self, recording: bool) -> Polled {
        let mut task_cx = task::Context::from_waker(&self.waker);
        let future = self.future.as_mut().expect("only living tasks are ready");
        if recording {
            yield_flag::begin_without_flag();
        } else {
            yield_flag::begin(&self.waker);
        }
        if future.as_mut().poll(&mut task_cx).is_pending() {
            return if yield_flag::end() { Polled::Yields } else { Polled::Waits };
        }
        self.future = None;
        yield_flag::end();
        Polled::Ends
    }
}

/// A task's name; empty for the clock.
pub(super) fn task_name(cx: &Context, task: TaskId) -> String {
    cx.tasks.borrow().get(task.index()).map(|meta| meta.name.to_string()).unwrap_or_default()
}

/// How a poll ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Polled {
    /// It waits, unless it has been woken.
    Waits,
    /// It yielded, and can run again.
    Yields,
    Ends,
}

/// Asks the strategy which task runs next.
#[inline]
fn ask(cx: &Context, at: &Decision<'_>) -> TaskId {
    cx.strategy.borrow_mut().as_mut().expect("an execution has a strategy").pick(at)
}

//! One execution: poll, decide, move the clock, until nothing is left to do.

use super::context::{self, BoxedTask, Context, Life, TaskMeta, WaitFor};
use super::footprint::{Effect, Mode, Segment};
use super::id::{ObjectId, Site, TaskId, TaskKey};
use super::outcome::{Blocked, Budget, End, Limits, Nondeterminism, Outcome, TaskPanic};
use super::ready::{Ready, ReadySet};
use super::strategy::{Decision, Strategy};
use super::wakeup::turn;
use crate::decision::{Answer, Decisions, Kind, Step};
use crate::strategy::Replay;
use std::any::Any;
use std::borrow::Cow;
use std::future::Future;
use std::mem;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task;

/// A task's future, and how it is run.
struct Slot {
    future: Option<BoxedTask>,
    background: bool,
    aborting: bool,
    /// Whether there is a question to ask before a poll.
    special: bool,
    polls: u32,
}

/// The engine as a strategy may ask it.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    engine: &'a Engine,
    cx: &'a Context,
}

impl Facts<'_> {
    #[inline]
    pub(super) fn current(&self) -> TaskId {
        self.cx.current.get()
    }

    #[inline]
    pub(super) fn step(&self) -> u64 {
        self.cx.step.get()
    }

    pub(super) fn key(&self, task: TaskId) -> TaskKey {
        self.cx.key(task)
    }

    pub(super) fn segments(&self, task: TaskId) -> u32 {
        if task == TaskId::CLOCK {
            self.engine.clock_moves
        } else {
            self.engine.slots.get(task.index()).map_or(0, |slot| slot.polls)
        }
    }
}

/// Runs executions one after another on one thread, and keeps their buffers.
///
/// # Examples
///
/// ```
/// use mapi_sync_sim::engine::{self, Engine, Limits, End};
/// use mapi_sync_sim::strategy::Random;
///
/// let mut engine = Engine::new(Limits::default(), Random::new(7));
/// let outcome = engine
///     .execute(0, async {
///         let child = engine::spawn("child", async { engine::sleep(30).await });
///         child.await.unwrap();
///         assert_eq!(engine::now(), 30);
///     })
///     .unwrap();
/// assert_eq!(outcome.end, End::Completed);
/// assert_eq!(outcome.virtual_ms, 30);
/// ```
pub struct Engine {
    limits: Limits,
    strategy: Option<Box<dyn Strategy>>,
    ready: ReadySet,
    slots: Vec<Slot>,
    log: Vec<Step>,
    /// The answers of the last execution.
    answers: Vec<Answer>,
    /// The tasks of the last execution, in order of spawning.
    tasks: Vec<TaskMeta>,
    panics: Vec<TaskPanic>,
    foreground: usize,
    clock_moves: u32,
    drops_left: u32,
    spurious_left: u32,
    recording: bool,
    /// [`is_plain`](Self::is_plain).
    plain: bool,
    before: Vec<TaskId>,
    woken: Vec<TaskId>,
    spawned: Vec<TaskId>,
}

impl Engine {
    /// An engine that asks `strategy`.
    #[must_use]
    pub fn new(limits: Limits, strategy: impl Strategy) -> Self {
        super::outcome::quiet_panics();
        Self {
            limits,
            strategy: Some(Box::new(strategy)),
            ready: ReadySet::new(),
            slots: Vec::new(),
            log: Vec::new(),
            answers: Vec::new(),
            tasks: Vec::new(),
            panics: Vec::new(),
            foreground: 0,
            clock_moves: 0,
            drops_left: 0,
            spurious_left: 0,
            recording: false,
            plain: false,
            before: Vec::new(),
            woken: Vec::new(),
            spawned: Vec::new(),
        }
    }

    /// The strategy, if it is an `S`.
    ///
    /// # Panics
    ///
    /// From inside of an execution of this engine's.
    pub fn strategy<S: Strategy>(&mut self) -> Option<&mut S> {
        let strategy: &mut dyn Any = &mut **self.strategy.as_mut().expect("the strategy is in use");
        strategy.downcast_mut()
    }

    /// Changes the strategy, and gives back the one before.
    ///
    /// # Panics
    ///
    /// From inside of an execution of this engine's.
    pub fn set_strategy(&mut self, strategy: impl Strategy) -> Box<dyn Strategy> {
        self.strategy.replace(Box::new(strategy)).expect("the strategy is in use")
    }

    /// How many tasks the last execution dropped at an await point by decision.
    #[must_use]
    pub fn drops(&self) -> u32 {
        self.limits.drops.saturating_sub(self.drops_left)
    }

    /// How many tasks the last execution polled without their having been woken.
    #[must_use]
    pub fn spurious_polls(&self) -> u32 {
        self.limits.spurious.saturating_sub(self.spurious_left)
    }

    /// The limits of each execution.
    pub fn limits_mut(&mut self) -> &mut Limits {
        &mut self.limits
    }

    /// Runs execution number `index` of the program whose main task is `main`. `None` if the strategy has nothing left.
    ///
    /// # Panics
    ///
    /// From inside of another execution on this thread, and if the strategy panics. A panicking task is an
    /// [outcome](Outcome::panics).
    pub fn execute(
        &mut self,
        index: u64,
        main: impl Future<Output = ()> + Send + 'static,
    ) -> Option<Outcome> {
        self.execute_boxed(index, Box::pin(main))
    }

    /// [`execute`](Self::execute) for a future that is boxed already.
    ///
    /// # Panics
    ///
    /// As `execute` does.
    pub fn execute_boxed(&mut self, index: u64, main: BoxedTask) -> Option<Outcome> {
        context::with(|cx| {
            assert!(!cx.active.get(), "an execution is running on this thread already");
            let mut strategy =
                self.strategy.take().expect("no execution is running, so the strategy is here");
            if !strategy.begin(index) {
                self.strategy = Some(strategy);
                return None;
            }
            self.recording = strategy.wants_footprints();
            self.open(cx, strategy, main);
            let end = self.drive(cx);
            Some(self.close(cx, index, end))
        })
    }

    /// Runs `main` under the decisions of an execution that was run before.
    ///
    /// # Panics
    ///
    /// As `execute` does.
    pub fn replay(
        &mut self,
        decisions: &Decisions,
        main: impl Future<Output = ()> + Send + 'static,
    ) -> Outcome {
        let strategy = self.set_strategy(Replay::new(decisions.clone()));
        let outcome = self.execute(0, main).expect("a replay always runs");
        self.strategy = Some(strategy);
        outcome
    }

    /// Runs the last execution once more, given its program afresh, and compares every step and decision.
    ///
    /// # Errors
    ///
    /// The first step at which the two differ: the program depends on something other than its decisions, such as the
    /// real time, the iteration order of a `HashMap`, or state left over from one execution to the next.
    ///
    /// # Panics
    ///
    /// As `execute` does.
    pub fn repeat(
        &mut self,
        last: &Outcome,
        main: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Nondeterminism> {
        let decisions = self.decisions();
        let (log, answers) = (mem::take(&mut self.log), mem::take(&mut self.answers));
        let second = self.replay(&decisions, main);
        let parted = log.iter().zip(&self.log).position(|(a, b)| a != b);
        let parted =
            parted.or((log.len() != self.log.len()).then(|| log.len().min(self.log.len())));
        let answered = answers.iter().zip(&self.answers).find(|(a, b)| a != b).map(|(a, _)| a.step);
        let answered = answered.or((answers.len() != self.answers.len()).then_some(last.steps));
        let same_end = mem::discriminant(&last.end) == mem::discriminant(&second.end)
            && last.virtual_ms == second.virtual_ms
            && last.panics == second.panics;
        (self.log, self.answers) = (log, answers);
        let step = [parted.map(|step| step as u64), answered].into_iter().flatten().min();
        match step.or((!same_end).then_some(last.steps)) {
            Some(step) => Err(Nondeterminism { step }),
            None => Ok(()),
        }
    }

    /// The decisions of the last execution: its departures from the default.
    #[must_use]
    pub fn decisions(&self) -> Decisions {
        Decisions::from_log(&self.log, &self.answers, |task| self.tasks[task.index()].key)
    }

    /// A number that two executions share only if they took the same steps and decisions (but for collisions of
    /// 64 bits).
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let steps = self.log.iter().fold(0, |hash, step| super::id::mix(hash ^ step.bits()));
        self.answers.iter().fold(steps, |hash, answer| super::id::mix(hash ^ answer.bits()))
    }

    /// The tasks in the order in which the last execution ran their segments, the clock among them.
    pub fn trace(&self) -> impl Iterator<Item = TaskId> + '_ {
        self.log.iter().map(|step| step.task())
    }

    /// The name of a task of the last execution; empty for the clock.
    #[must_use]
    pub fn task_name(&self, task: TaskId) -> &str {
        self.tasks.get(task.index()).map_or("", |meta| &meta.name)
    }

    fn open(&mut self, cx: &Context, strategy: Box<dyn Strategy>, main: BoxedTask) {
        cx.active.set(true);
        cx.now.set(0);
        cx.step.set(0);
        cx.current.set(TaskId::MAIN);
        cx.dirty.set(false);
        cx.recording.set(self.recording);
        cx.faults_left.set(self.limits.faults);
        *cx.strategy.borrow_mut() = Some(strategy);
        self.log.clear();
        self.answers.clear();
        mem::swap(&mut *cx.answers.borrow_mut(), &mut self.answers);
        self.tasks.clear();
        mem::swap(&mut *cx.tasks.borrow_mut(), &mut self.tasks);
        self.foreground = 0;
        self.clock_moves = 0;
        self.drops_left = self.limits.drops;
        self.spurious_left = self.limits.spurious;
        self.plain = self.is_plain();
        let id = cx.register(Cow::Borrowed("main"), None);
        self.admit(id, main, self.limits.main_droppable, false);
    }

    fn admit(&mut self, id: TaskId, future: BoxedTask, droppable: bool, background: bool) {
        debug_assert_eq!(id.index(), self.slots.len());
        self.slots.push(Slot {
            future: Some(future),
            background,
            aborting: false,
            special: droppable,
            polls: 0,
        });
        self.foreground += usize::from(!background);
        self.ready.insert(id);
        self.plain &= self.ready.is_small();
    }

    /// Runs the loop, again after each panic of a task.
    fn drive(&mut self, cx: &Context) -> End {
        loop {
            let caught = catch_unwind(AssertUnwindSafe(|| self.run(cx)));
            let payload = match caught {
                Ok(end) => return end,
                Err(payload) => payload,
            };
            if !cx.polling.replace(false) {
                cx.active.set(false);
                resume_unwind(payload);
            }
            let task = cx.current.get();
            self.note_panic(cx, task, &*payload);
            self.drop_future(cx, task);
            self.retire(cx, task, Life::Panicked);
            if let ControlFlow::Break(end) = self.ended(cx, task) {
                return end;
            }
        }
    }

    fn run(&mut self, cx: &Context) -> End {
        loop {
            while self.plain {
                let word = self.ready.first_word();
                if word == 0 {
                    break;
                }
                let ready = Ready::small(word);
                let (task, departed) = match ready.only() {
                    Some(task) => (task, false),
                    None => self.pick(cx, ready, false),
                };
                self.ready.take_of_first(word, task);
                if let ControlFlow::Break(end) = self.segment(cx, task, departed) {
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
                self.hide_ready();
            }
            if let ControlFlow::Break(end) = self.segment(cx, task, departed) {
                return end;
            }
        }
    }

    /// Runs a task that was taken out of the ready set until it waits.
    #[inline(always)]
    fn segment(&mut self, cx: &Context, task: TaskId, departed: bool) -> ControlFlow<End> {
        if cx.step.get() >= self.limits.max_steps {
            return ControlFlow::Break(End::Livelock(Budget::Steps));
        }
        self.log.push(Step::new(task, departed));
        cx.current.set(task);
        let mut slot = &mut self.slots[task.index()];
        slot.polls += 1;
        if slot.special {
            if self.drops_now(cx, task) {
                self.drop_task(cx, task);
                return self.ended(cx, task);
            }
            slot = &mut self.slots[task.index()];
        }
        let mut task_cx = task::Context::from_waker(self.ready.waker(task));
        let future = slot.future.as_mut().expect("only living tasks are ready");
        cx.polling.set(true);
        if future.as_mut().poll(&mut task_cx).is_pending() {
            cx.polling.set(false);
            self.after_segment(cx, task, false);
            return ControlFlow::Continue(());
        }
        slot.future = None;
        cx.polling.set(false);
        self.retire(cx, task, Life::Finished);
        self.ended(cx, task)
    }

    /// The task's last segment is over, and perhaps the execution.
    fn ended(&mut self, cx: &Context, task: TaskId) -> ControlFlow<End> {
        self.after_segment(cx, task, true);
        if self.foreground == 0 {
            ControlFlow::Break(End::Completed)
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Whether a look at the first word of the ready set is all that there is to do between two segments.
    fn is_plain(&self) -> bool {
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
        let at = Decision { ready, clock, facts: Facts { engine: self, cx } };
        let default = at.default_task();
        let picked = match cx.strategy.borrow_mut().as_mut() {
            Some(strategy) => strategy.pick(&at),
            None => default,
        };
        let picked = if at.contains(picked) { picked } else { default };
        (picked, picked != default)
    }

    /// Takes every task out of the ready set, so that a wake of one that is ready already is seen too.
    fn hide_ready(&mut self) {
        self.before.clear();
        self.before.extend(self.ready.view().iter());
        for id in &self.before {
            self.ready.take(*id);
        }
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
        self.log.push(Step::new(TaskId::CLOCK, departed));
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
        let waiting: Vec<TaskId> = (0..)
            .map(TaskId)
            .zip(&self.slots)
            .filter(|(id, slot)| slot.future.is_some() && !self.ready.view().contains(*id))
            .map(|(id, _)| id)
            .collect();
        let arity = u32::try_from(waiting.len()).ok()? + 1;
        if arity == 1 {
            return None;
        }
        let value = cx.choose(Kind::Spurious, Site::NONE, arity, self.spurious_left);
        let task = *waiting.get(value.checked_sub(1)? as usize)?;
        self.spurious_left -= 1;
        self.plain = self.is_plain();
        Some(task)
    }

    /// Whether the task that was picked is dropped instead of polled.
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

    fn drop_task(&mut self, cx: &Context, task: TaskId) {
        self.drop_future(cx, task);
        self.retire(cx, task, Life::Aborted);
    }

    /// Drops a task's future, if it is still there. A panic is the task's.
    fn drop_future(&mut self, cx: &Context, task: TaskId) {
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
    #[inline(always)]
    fn after_segment(&mut self, cx: &Context, task: TaskId, finished: bool) {
        if cx.dirty.get() | self.recording {
            self.take_orders(cx);
            if self.recording {
                self.report_segment(cx, task, finished);
            }
        }
        cx.step.set(cx.step.get() + 1);
    }

    #[inline(never)]
    fn take_orders(&mut self, cx: &Context) {
        if self.recording {
            self.spawned.clear();
        }
        if !cx.dirty.replace(false) {
            return;
        }
        for child in cx.newborn.borrow_mut().drain(..) {
            let id = TaskId(u32::try_from(self.slots.len()).expect("task numbers fit"));
            if self.recording {
                self.spawned.push(id);
            }
            self.admit(id, child.future, child.droppable, child.background);
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

    #[inline(never)]
    fn report_segment(&mut self, cx: &Context, task: TaskId, finished: bool) {
        let key = cx.key(task);
        if task != TaskId::CLOCK {
            // Aborting a task is in conflict with each of its segments.
            let mut traced = cx.traced.borrow_mut();
            let traced = &mut traced[task.index()];
            traced.segments += 1;
            let mut effects = cx.effects.borrow_mut();
            effects.push(Effect::Access(ObjectId::of_task(key), Mode::Read));
            effects.push(Effect::Access(turn(key, traced.segments), Mode::Read));
            // A task that is aborted runs whether or not what it waited for has come.
            if let Some(step) =
                traced.given_before.take().filter(|_| !self.slots[task.index()].aborting)
            {
                effects.push(Effect::After(step));
            }
            if traced.step == cx.step.get() {
                if traced.waits > 1 {
                    let looked =
                        traced.objects.iter().map(|object| Effect::Access(*object, Mode::Read));
                    effects.extend(looked);
                } else {
                    traced.given_before = traced.given.take();
                }
            }
        }
        self.woken.clear();
        self.woken.extend(self.ready.view().iter());
        for id in &self.woken {
            // Two wakes of one wait are in conflict: the first is what let the task run.
            if *id != task && !self.spawned.contains(id) {
                let turn = turn(cx.key(*id), cx.segments(*id) + 1);
                cx.effects.borrow_mut().push(Effect::Access(turn, Mode::Write));
            }
        }
        for id in self.before.drain(..) {
            self.ready.wake(id);
        }
        {
            let segment = Segment {
                step: cx.step.get(),
                task,
                key,
                effects: &cx.effects.borrow(),
                choices: &cx.chosen.borrow(),
                spawned: &self.spawned,
                woken: &self.woken,
                finished,
                facts: Facts { engine: self, cx },
            };
            if let Some(strategy) = cx.strategy.borrow_mut().as_mut() {
                strategy.segment(&segment);
            }
        }
        cx.effects.borrow_mut().clear();
        cx.chosen.borrow_mut().clear();
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

    /// Drops what is left, in the order of spawning, and makes the outcome.
    fn close(&mut self, cx: &Context, index: u64, end: End) -> Outcome {
        let steps = cx.step.get();
        let virtual_ms = cx.now.get();
        let mut strategy =
            cx.strategy.borrow_mut().take().expect("the strategy was lent to this execution");
        let end = if self.recording && strategy.discards() { End::Abandoned } else { end };
        cx.recording.set(false);
        cx.faults_left.set(0);
        mem::swap(&mut *cx.answers.borrow_mut(), &mut self.answers);
        let mut next = 0;
        loop {
            // What is spawned while the rest is dropped never runs.
            while let Some(child) = { cx.newborn.borrow_mut().pop() } {
                drop(child);
            }
            if next == self.slots.len() {
                break;
            }
            if self.slots[next].future.is_some() {
                let task = TaskId(u32::try_from(next).expect("task numbers fit"));
                cx.current.set(task);
                self.drop_future(cx, task);
            }
            next += 1;
        }
        cx.aborts.borrow_mut().clear();
        cx.answers.borrow_mut().clear();
        if self.recording {
            cx.effects.borrow_mut().clear();
            cx.chosen.borrow_mut().clear();
            cx.traced.borrow_mut().clear();
        }
        mem::swap(&mut *cx.tasks.borrow_mut(), &mut self.tasks);
        cx.timers.borrow_mut().clear();
        self.ready.clear();
        self.slots.clear();
        cx.active.set(false);
        strategy.end();
        self.strategy = Some(strategy);
        Outcome {
            index,
            end,
            steps,
            virtual_ms,
            tasks: self.tasks.len(),
            panics: mem::take(&mut self.panics),
        }
    }
}

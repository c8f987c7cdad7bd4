//! The operations of a task: spawning, joining, sleeping, choosing.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::context::{self, BoxedTask, SpawnedTask, TaskState, WaitFor};
use super::early;
use super::footprint::{Effect, Mode};
use super::id::{ObjectId, Site, TaskId, TaskKey};
use super::log::Kind;
use super::timers::TimerKey;
use super::wakeup::Wakeup;
use super::yield_flag;

/// How a task is to be run.
#[derive(Clone, Debug)]
pub struct Builder {
    name: Cow<'static, str>,
    droppable: bool,
    background: bool,
    early: bool,
}

impl Builder {
    /// A task of this name, for people; several may share one.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), droppable: false, background: false, early: false }
    }

    /// Lets the strategy drop the task's future at any of its await points, within
    /// [`Limits::drops`](super::Limits::drops).
    #[must_use]
    pub fn droppable(mut self) -> Self {
        self.droppable = true;
        self
    }

    /// Lets the execution end while the task still waits.
    #[must_use]
    pub fn background(mut self) -> Self {
        self.background = true;
        self
    }

    /// Lets the task run before its `spawn` returns, within
    /// [`Limits::early_segments`](super::Limits::early_segments).
    ///
    /// It runs on the same stack then. If it waits for a lock that the spawning task holds over
    /// the `spawn`, the thread hangs, and if it uses what that one has borrowed in a `RefCell`, it
    /// panics; [`early_polls`](super::early_polls) lets another thread watch for the former.
    #[must_use]
    pub fn early(mut self) -> Self {
        self.early = true;
        self
    }

    /// Starts the task.
    ///
    /// # Panics
    ///
    /// Outside of an execution.
    pub fn spawn(self, future: impl Future<Output = ()> + Send + 'static) -> JoinHandle {
        self.spawn_boxed(Box::pin(future))
    }

    /// Starts the task whose future is boxed already.
    ///
    /// # Panics
    ///
    /// Outside of an execution.
    pub fn spawn_boxed(self, future: BoxedTask) -> JoinHandle {
        context::with(|cx| {
            assert!(cx.active.get(), "a task can be spawned only from inside of an execution");
            let id = cx.register(self.name, Some(cx.current.get()));
            let Self { droppable, background, .. } = self;
            let child = SpawnedTask { future, droppable, background };
            cx.spawned.borrow_mut().push(child);
            cx.dirty.set(true);
            if self.early && cx.early_segments.get() > 0 {
                early::run(cx, id);
            }
            JoinHandle { id, waited: false, joined: false }
        })
    }
}

/// Starts a task.
///
/// # Panics
///
/// Outside of an execution.
pub fn spawn(
    name: impl Into<Cow<'static, str>>,
    future: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle {
    Builder::new(name).spawn(future)
}

/// Starts a task whose future the strategy may drop at any await point.
///
/// # Panics
///
/// Outside of an execution.
pub fn spawn_droppable(
    name: impl Into<Cow<'static, str>>,
    future: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle {
    Builder::new(name).droppable().spawn(future)
}

/// Why a task that was joined has no result.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// It panicked.
    #[error("the task panicked")]
    Panicked,
    /// It was aborted, or the strategy dropped it.
    #[error("the task was dropped before it finished")]
    Aborted,
}

/// Waits for a task, or aborts it. Dropping the handle leaves the task running.
#[derive(Debug)]
pub struct JoinHandle {
    id: TaskId,
    waited: bool,
    joined: bool,
}

impl JoinHandle {
    /// The task's number in this execution.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Asks for the task to be dropped at its next await point. A task that has finished does not
    /// notice.
    pub fn abort(&self) {
        abort(self.id);
    }

    /// A handle that can only abort, and be copied.
    #[must_use]
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle { id: self.id }
    }

    /// Whether the task has come to its end.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        is_finished(self.id)
    }

    /// The step in which the task came to its end, dropped or not; `None` as long as it has not.
    /// A footprint does not hold that somebody asked.
    #[must_use]
    pub fn ended_at(&self) -> Option<u64> {
        context::with(|cx| {
            let tasks = cx.tasks.borrow();
            let task = tasks.get(self.id.index())?;
            (task.life != TaskState::Running).then_some(task.ended_at)
        })
    }
}

fn is_finished(id: TaskId) -> bool {
    context::with(|cx| {
        if context::is_recording() {
            context::effect(Effect::Access(end_of(id), Mode::Read));
        }
        cx.tasks.borrow()[id.index()].life != TaskState::Running
    })
}

/// Aborts a task from anywhere in the execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortHandle {
    id: TaskId,
}

impl AbortHandle {
    /// [`JoinHandle::abort`].
    pub fn abort(&self) {
        abort(self.id);
    }

    /// [`JoinHandle::is_finished`].
    #[must_use]
    pub fn is_finished(&self) -> bool {
        is_finished(self.id)
    }
}

/// A task's end as an object: the task writes it.
fn end_of(task: TaskId) -> ObjectId {
    ObjectId::of_task(context::with(|cx| cx.key(task))).part(1)
}

fn abort(id: TaskId) {
    context::with(|cx| {
        if id.index() >= cx.tasks.borrow().len() {
            return;
        }
        if context::is_recording() {
            context::effect(Effect::Access(ObjectId::of_task(cx.key(id)), Mode::Write));
        }
        cx.touched.set(true);
        cx.aborts.borrow_mut().push(id);
        cx.dirty.set(true);
    });
}

impl Future for JoinHandle {
    type Output = Result<(), JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        context::with(|state| {
            let (life, ended_at) = {
                let tasks = state.tasks.borrow();
                let task = &tasks[self.id.index()];
                (task.life, task.ended_at)
            };
            let again = std::mem::replace(&mut self.waited, true);
            // Joining is a scheduling point, like every use of another task's state.
            if !again && life != TaskState::Running && yield_flag::yield_at_point(cx) {
                if context::is_recording() {
                    context::observes(&[end_of(self.id)]);
                    context::available_since(ended_at);
                }
                return Poll::Pending;
            }
            let result = match life {
                TaskState::Running => {
                    let joiner = Some(Wakeup::of_joiner(cx));
                    let before = std::mem::replace(
                        &mut state.tasks.borrow_mut()[self.id.index()].joiner,
                        joiner,
                    );
                    drop(before);
                    context::waits_for(WaitFor::Task(self.id), None);
                    if context::is_recording() {
                        let end = end_of(self.id);
                        if again {
                            context::effect(Effect::Access(end, Mode::Read));
                        }
                        context::observes(&[end]);
                    }
                    return Poll::Pending;
                }
                TaskState::Finished => Ok(()),
                TaskState::Panicked => Err(JoinError::Panicked),
                TaskState::Aborted => Err(JoinError::Aborted),
            };
            self.joined = true;
            if context::is_recording() {
                context::consumed(end_of(self.id), ended_at);
            }
            Poll::Ready(result)
        })
    }
}

impl Drop for JoinHandle {
    fn drop(&mut self) {
        if self.waited && !self.joined {
            context::with(|cx| {
                let current = cx.current.get();
                let gone = match cx.tasks.borrow_mut().get_mut(self.id.index()) {
                    Some(task) => task.joiner.take_if(|joiner| joiner.is_of(current)),
                    // The handle has outlived its execution.
                    None => return,
                };
                drop(gone);
                if context::is_recording() {
                    // Dropping the wait observes that the task had not ended.
                    context::effect(Effect::Access(end_of(self.id), Mode::Read));
                }
            });
        }
    }
}

/// Lets any other task that can run go first.
#[inline]
pub fn yield_now() -> YieldNow {
    YieldNow { polled: false }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct YieldNow {
    polled: bool,
}

impl Future for YieldNow {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.polled {
            return Poll::Ready(());
        }
        self.polled = true;
        yield_flag::yield_task(cx);
        Poll::Pending
    }
}

/// The virtual time, in milliseconds since the execution began.
#[inline]
#[must_use]
pub fn now() -> u64 {
    context::note_clock_read();
    context::now()
}

/// Waits for `ms` virtual milliseconds. Zero yields.
#[inline]
pub fn sleep(ms: u64) -> Sleep {
    sleep_until(context::now().saturating_add(ms))
}

/// Waits for a length of virtual time, rounded up to whole milliseconds.
#[inline]
pub fn sleep_for(duration: Duration) -> Sleep {
    sleep(whole_ms(duration))
}

/// Waits until the virtual time is `deadline` milliseconds or later. A deadline that has passed
/// yields.
#[inline]
pub fn sleep_until(deadline: u64) -> Sleep {
    Sleep { deadline, timer: None, yielded: false, work_ms: 0 }
}

/// Takes about `ms` virtual milliseconds, as work does: never less, but it may be late by up to
/// [`Limits::late_percent`](super::Limits::late_percent) of that, as the strategy decides when it
/// is first polled. Zero yields.
#[inline]
pub fn work(ms: u64) -> Sleep {
    Sleep { work_ms: ms, ..sleep_until(now().saturating_add(ms)) }
}

/// [`work`] of a length in virtual time, rounded up to whole milliseconds.
#[inline]
pub fn work_for(duration: Duration) -> Sleep {
    work(whole_ms(duration))
}

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// The future of [`sleep`] and [`work`]. Dropping it disarms its timer.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct Sleep {
    deadline: u64,
    timer: Option<TimerKey>,
    yielded: bool,
    /// How much of it may be late; 0 once that is decided.
    work_ms: u64,
}

impl Sleep {
    /// The virtual time at which it ends, in milliseconds. It may become later when [`work`] is
    /// first polled.
    #[must_use]
    pub fn deadline(&self) -> u64 {
        self.deadline
    }

    /// Moves the end to this virtual time. It is exact then. A task that waits for it already is
    /// woken at the new time.
    pub fn reset(&mut self, deadline: u64) {
        self.deadline = deadline;
        self.work_ms = 0;
        self.yielded = false;
        self.timer = self.timer.take().and_then(|timer| {
            context::with(|state| state.timers.borrow_mut().rearm_at(timer, deadline))
        });
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        context::with(|state| {
            let now = context::now();
            if now < self.deadline && self.work_ms > 0 {
                let late = lateness(state, std::mem::take(&mut self.work_ms));
                self.deadline = self.deadline.saturating_add(late);
            }
            let held = self.timer.is_some_and(|timer| state.timers.borrow().is_held(timer));
            if now >= self.deadline && !held {
                if let Some(timer) = self.timer.take() {
                    drop(state.timers.borrow_mut().disarm(timer));
                } else if !std::mem::replace(&mut self.yielded, true)
                    && yield_flag::yield_at_point(cx)
                {
                    return Poll::Pending;
                }
                return Poll::Ready(());
            }
            match self.timer {
                None => {
                    let waker = cx.waker().clone();
                    let task = state.current.get();
                    state.touched.set(true);
                    let timer = state.timers.borrow_mut().arm(self.deadline, waker, task);
                    self.timer = Some(timer);
                }
                Some(timer) => {
                    state.timers.borrow_mut().rearm(timer, cx.waker(), state.current.get());
                }
            }
            context::waits_for(WaitFor::Clock, None);
            Poll::Pending
        })
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            let waker = context::with(|cx| cx.timers.borrow_mut().disarm(timer));
            drop(waker);
        }
    }
}

/// By how many milliseconds work of this length is late.
fn lateness(cx: &context::Context, ms: u64) -> u64 {
    let most = cx.late_percent.get();
    if most == 0 {
        return 0;
    }
    let percent = cx.choose(Kind::Late, Site::NONE, most.saturating_add(1), u32::MAX);
    let late = (u128::from(ms) * u128::from(percent)).div_ceil(100);
    u64::try_from(late).unwrap_or(u64::MAX)
}

/// A value below `arity`, chosen by the strategy; 0 if nothing speaks for another, and outside of
/// an execution.
///
/// # Panics
///
/// If `arity` is 0.
pub fn choose(site: impl Into<Site>, arity: u32) -> u32 {
    assert!(arity > 0, "there must be a value to choose");
    if arity == 1 {
        return 0;
    }
    let site = site.into();
    context::with(
        |cx| if cx.active.get() { cx.choose(Kind::Choice, site, arity, u32::MAX) } else { 0 },
    )
}

/// Whether a fault strikes here, as the strategy decides. At most
/// [`Limits::faults`](super::Limits::faults) do in one execution, and none outside of one.
pub fn fault(site: impl Into<Site>) -> bool {
    let site = site.into();
    context::with(|cx| {
        if !cx.active.get() || cx.faults_left.get() == 0 || context::is_calm(cx) {
            return false;
        }
        let struck = cx.choose(Kind::Fault, site, 2, cx.faults_left.get()) == 1;
        if struck {
            cx.faults_left.set(cx.faults_left.get() - 1);
        }
        struck
    })
}

/// From now on, until the execution ends, nothing more goes wrong: no [`fault`] strikes, no task is
/// dropped or polled without having been woken, no [`work`] is late, and no new task runs before
/// its `spawn` returns. What was decided before stays. Only the order of steps, and the values of
/// choices, are still open. Does nothing outside of an execution.
pub fn calm() {
    context::with(|cx| {
        if cx.active.get() {
            cx.is_calm.set(true);
            cx.late_percent.set(0);
            cx.early_segments.set(0);
            context::effect(Effect::Access(context::CALM, Mode::Write));
        }
    });
}

/// The running task's number in this execution.
#[inline]
#[must_use]
pub fn current() -> TaskId {
    context::with(|cx| cx.current.get())
}

/// The running task's identity across schedules.
///
/// # Panics
///
/// Outside of an execution.
#[must_use]
pub fn current_key() -> TaskKey {
    context::with(|cx| cx.key(cx.current.get()))
}

/// A task's name. Empty for the clock and for a number that no task of this execution has.
#[must_use]
pub fn task_name(id: TaskId) -> String {
    context::with(|cx| {
        cx.tasks.borrow().get(id.index()).map(|t| t.name.to_string()).unwrap_or_default()
    })
}

/// How many segments have been polled before this one, over all tasks.
#[inline]
#[must_use]
pub fn current_step() -> u64 {
    context::step()
}

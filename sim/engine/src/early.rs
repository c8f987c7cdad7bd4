//! A new task that runs before its `spawn` returns, as on a runtime with several threads.
//!
//! The spawning task is in the middle of a segment then, so the new task is polled from within. The
//! spawning task is not polled meanwhile, and no other task is: what they could do between comes
//! from an order in which they run before or after. All of it counts as part of the spawning task's
//! step.

use std::any::Any;
use std::future::pending;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{self, Poll, Wake, Waker};

use super::context::{self, BoxedTask, Context, TaskState};
use super::footprint::{Effect, Mode};
use super::id::{ObjectId, Site, TaskId};
use super::log::Kind;
use super::yield_flag;

/// A panic, with its place.
pub(super) type EarlyPanic = (Box<dyn Any + Send>, Option<String>);

/// What a task did before its `spawn` returned.
pub(super) struct EarlyRun {
    pub(super) task: TaskId,
    /// How it ended; `None` if it waits.
    pub(super) ended: Option<TaskState>,
    /// Its panics.
    pub(super) panics: Vec<EarlyPanic>,
    waker: Arc<EarlyWaker>,
}

impl EarlyRun {
    /// Hands the task's wakes over to `waker`. Returns whether it can run.
    pub(super) fn hand_over(&self, waker: &Waker) -> bool {
        let _ = self.waker.later.set(waker.clone());
        self.waker.woken.load(Ordering::Relaxed)
    }
}

/// The waker of a task that is not admitted yet, and of what such a task leaves behind.
#[derive(Default)]
struct EarlyWaker {
    woken: AtomicBool,
    later: OnceLock<Waker>,
}

impl Wake for EarlyWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match self.later.get() {
            Some(waker) => waker.wake_by_ref(),
            None => self.woken.store(true, Ordering::Relaxed),
        }
    }
}

/// How many polls of tasks before their `spawn` returned have begun on a thread, and how many have
/// ended. If no more end, a task waits for something that the spawning task holds, such as a lock:
/// nothing can be done about that on this thread, so another one has to watch.
#[derive(Debug, Default)]
pub struct EarlyPolls {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl EarlyPolls {
    /// How many have begun.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Acquire)
    }

    /// How many have ended.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.ended.load(Ordering::Acquire)
    }
}

thread_local! {
    static POLLS: Arc<EarlyPolls> = Arc::default();
}

/// The counts of the calling thread, for another one that watches.
#[must_use]
pub fn early_polls() -> Arc<EarlyPolls> {
    POLLS.with(Arc::clone)
}

/// Asks how many segments the task that was spawned last runs before its `spawn` returns, and runs
/// them, as long as it does not wait.
#[cold]
pub(super) fn run(cx: &Context, id: TaskId) {
    let most = cx.early_segments.get();
    if most == 0 || cx.closing.get() || cx.is_early.get() || !yield_flag::is_running() {
        return;
    }
    let segments = cx.choose(Kind::Early, Site::NONE, most.saturating_add(1), u32::MAX);
    if segments == 0 {
        return;
    }
    // The place stays: what the task spawns comes after it.
    let place = cx.spawned.borrow().len() - 1;
    let nothing: BoxedTask = Box::pin(pending());
    let mut future = mem::replace(&mut cx.spawned.borrow_mut()[place].future, nothing);
    let mut early = EarlyRun { task: id, ended: None, panics: Vec::new(), waker: Arc::default() };
    let flag = yield_flag::suspend();
    let spawner = cx.current.replace(id);
    cx.is_early.set(true);
    let polls = early_polls();
    for _ in 0..segments {
        early.waker.woken.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&early.waker));
        polls.begun.fetch_add(1, Ordering::Release);
        let poll = guarded(cx, || future.as_mut().poll(&mut task::Context::from_waker(&waker)));
        polls.ended.fetch_add(1, Ordering::Release);
        match poll {
            Ok(Poll::Pending) if early.waker.woken.load(Ordering::Relaxed) => {}
            Ok(Poll::Pending) => break,
            Ok(Poll::Ready(())) => {
                early.ended = Some(TaskState::Finished);
                break;
            }
            Err(panic) => {
                early.panics.push(panic);
                early.ended = Some(TaskState::Panicked);
                break;
            }
        }
    }
    if let Some(ended) = early.ended {
        let nothing: BoxedTask = Box::pin(pending());
        let future = mem::replace(&mut future, nothing);
        early.panics.extend(guarded(cx, || drop(future)).err());
        let mut tasks = cx.tasks.borrow_mut();
        let meta = &mut tasks[id.index()];
        meta.life = ended;
        meta.ended_at = cx.step.get();
    }
    if early.ended.is_some() && context::is_recording() {
        let end = ObjectId::of_task(cx.key(id)).part(1);
        context::effect(Effect::Access(end, Mode::Write));
    }
    cx.is_early.set(false);
    cx.current.set(spawner);
    yield_flag::resume(flag);
    cx.spawned.borrow_mut()[place].future = future;
    cx.early_runs.borrow_mut().push(early);
}

/// Runs a task's code, and catches its panic, with the place of it.
fn guarded<T>(cx: &Context, code: impl FnOnce() -> T) -> Result<T, EarlyPanic> {
    yield_flag::begin_without_flag();
    let result = catch_unwind(AssertUnwindSafe(code));
    yield_flag::end();
    result.map_err(|payload| (payload, cx.panic_place.borrow_mut().take()))
}

//! A runtime of another crate in an execution: its turns, and its clock.
//!
//! All of this is off the hot path: with a guest, every task is watched and every segment has an
//! end that is more than a step.

use std::borrow::Cow;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Engine;
use super::open_close::last_spawned;
use super::run::Polled;
use crate::context::{self, Context, SpawnedTask};
use crate::guest::{GuestRuntime, GuestUse};
use crate::id::TaskId;
use crate::yield_flag;

/// How far ahead a timer is looked for, in virtual milliseconds: a year.
const FAR: u64 = 365 * 24 * 60 * 60 * 1000;

/// A guest, and what the running execution knows of it.
pub(super) struct Guest {
    runtime: Box<dyn GuestRuntime>,
    /// Its task, once it has needed one.
    task: Option<TaskId>,
    used: GuestUse,
    /// The tasks that its timers woke before the clock of the execution moved.
    woken: Vec<TaskId>,
    /// Since when nothing but the guest could go on, in virtual milliseconds.
    idle_since: Option<u64>,
}

impl Engine {
    /// Lets a runtime of another crate take part in the executions from now on.
    pub fn set_guest(&mut self, runtime: impl GuestRuntime + 'static) {
        let runtime = Box::new(runtime);
        let used = GuestUse::default();
        let woken = Vec::new();
        self.guest = Some(Guest { runtime, task: None, used, woken, idle_since: None });
    }

    /// What the last execution used of its guest.
    #[must_use]
    pub fn guest_use(&self) -> GuestUse {
        self.guest.as_ref().map_or_else(GuestUse::default, |guest| guest.used)
    }

    #[cold]
    pub(super) fn open_guest(&mut self) {
        if let Some(guest) = &mut self.guest {
            guest.task = None;
            guest.used = GuestUse::default();
            guest.woken.clear();
            guest.idle_since = None;
            guest.runtime.begin();
        }
    }

    /// Drops what is left of the guest, and what that spawns.
    #[cold]
    pub(super) fn close_guest(&mut self, cx: &Context) {
        let Some(guest) = &mut self.guest else { return };
        cx.closing.set(true);
        // What its tasks panic with when they are dropped is nobody's.
        yield_flag::begin_without_flag();
        drop(catch_unwind(AssertUnwindSafe(|| guest.runtime.end())));
        yield_flag::end();
        while let Some((child, place)) = last_spawned(cx) {
            let id = TaskId(u32::try_from(self.admitted + place).expect("task numbers fit"));
            self.drop_caught(cx, id, child.future);
        }
        cx.closing.set(false);
    }

    /// Runs code of a task, within the guest if there is one.
    #[inline]
    pub(super) fn hosted(&self, code: impl FnOnce()) {
        match &self.guest {
            None => code(),
            Some(guest) => {
                let mut code = Some(code);
                guest.runtime.host(&mut || {
                    if let Some(code) = code.take() {
                        code();
                    }
                });
            }
        }
    }

    /// Polls a task of an execution with a guest.
    #[cold]
    pub(super) fn poll_hosted(&mut self, task: TaskId, recording: bool) -> Polled {
        let slot = &mut self.slots[task.index()];
        let Some(guest) = &mut self.guest else { return slot.poll(recording) };
        if guest.task != Some(task) {
            guest.idle_since = None;
            let mut polled = Polled::Waits;
            guest.runtime.host(&mut || polled = slot.poll(recording));
            return polled;
        }
        guest.used.tasks = true;
        yield_flag::begin_without_flag();
        let goes_on = guest.runtime.turn();
        yield_flag::end();
        if !goes_on {
            return Polled::Waits;
        }
        guest.idle_since = None;
        context::progress();
        context::yields();
        Polled::Yields
    }

    /// A segment is over: lets the guest's task run, if it can now.
    #[cold]
    pub(super) fn wake_guest(&mut self, cx: &Context) {
        let Some(guest) = &mut self.guest else { return };
        if !guest.runtime.wakes() {
            return;
        }
        match guest.task {
            Some(task) => self.ready.wake(task),
            None => {
                let name = Cow::Borrowed(guest.runtime.name());
                guest.task = Some(cx.register(name, Some(TaskId::CLOCK)));
                // It has no future of its own: its turns are the runtime's.
                let future = Box::pin(pending());
                let task = SpawnedTask { future, droppable: false, background: true };
                cx.spawned.borrow_mut().push(task);
            }
        }
    }

    /// When the clock moves next, with a guest: `deadline` is that of the engine's own timers.
    /// The guest's clock is there already. `None` if no timer is left.
    #[cold]
    pub(super) fn next_with_guest(&mut self, deadline: Option<u64>) -> Option<u64> {
        let now = context::now();
        let idle = self.ready.gather().is_empty() && self.paused.is_empty();
        let most = self.limits.max_virtual_ms.saturating_add(1).min(now.saturating_add(FAR));
        // Time passes for those that only look and yield.
        let until = deadline.unwrap_or(if idle { most } else { now + 1 });
        let at = self.advance_guest(until);
        let guest = self.guest.as_mut()?;
        if deadline.is_some() || !idle || !guest.woken.is_empty() {
            return Some(at);
        }
        let since = *guest.idle_since.get_or_insert(now);
        if at < until {
            return Some(at);
        }
        // The look for a timer took no time.
        context::set_now(since);
        None
    }

    /// Moves the guest's clock, up to `until`. Returns what it shows. Those that this woke can run
    /// when the clock of the execution has moved too.
    #[cold]
    pub(super) fn advance_guest(&mut self, until: u64) -> u64 {
        let ready = &mut self.ready;
        let Some(guest) = &mut self.guest else { return until };
        let before: Vec<TaskId> = ready.gather().iter().collect();
        let is_woken = &mut || ready.gather().len() as usize > before.len();
        let at = guest.runtime.advance(until, is_woken);
        let is_new = |task: &TaskId| before.binary_search(task).is_err();
        let new: Vec<TaskId> = ready.gather().iter().filter(is_new).collect();
        for task in new {
            ready.take(task);
            guest.woken.push(task);
            guest.used.timers = true;
        }
        at
    }

    /// The clock has moved: those can run that the guest's timers woke.
    #[cold]
    pub(super) fn wake_from_guest(&mut self) {
        if let Some(guest) = &mut self.guest {
            guest.woken.drain(..).for_each(|task| self.ready.wake(task));
        }
    }
}

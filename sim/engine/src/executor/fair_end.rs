//! The fair continuation of an execution whose budget of steps has run out.
//!
//! A strategy may keep one task running that waits for another, and no execution is a livelock for
//! that. So before one counts as a livelock, it goes on in rounds: every task that can run has one
//! segment, in order, and then the clock moves to the next deadline. What is still asked takes the
//! default. If the tasks come to their ends, or to a deadlock, so does the execution.
//!
//! It is a livelock if many rounds in a row bring nothing that others can see, or if the rounds use
//! up the budget of steps once more. These steps follow from the ones before, so they are no part
//! of the schedule, and nothing notes them.

use std::mem;
use std::ops::ControlFlow;

use super::Engine;
use super::run::Polled;
use crate::context::{self, Context};
use crate::id::TaskId;
use crate::outcome::{Budget, End};

/// How many rounds in a row bring no call, no end of a task, no change of a tracked object and no
/// timer before nothing is expected any more.
const IDLE_ROUNDS: u32 = 500;

/// How far the continuation is.
pub(super) struct FairEnd {
    /// How many steps the execution had before.
    pub(super) steps: u64,
    /// How many more it may have.
    left: u64,
    idle_rounds: u32,
}

impl Engine {
    /// The budget of steps ran out where `task` was to run: goes on in rounds.
    #[cold]
    pub(super) fn end_fairly(&mut self, cx: &Context, task: TaskId) -> End {
        let steps = cx.step.get();
        self.fair_end = Some(FairEnd { steps, left: self.limits.max_steps.max(1), idle_rounds: 0 });
        cx.takes_defaults.set(true);
        if let Some(strategy) = cx.strategy.borrow_mut().as_mut() {
            strategy.cut_short();
        }
        // Nobody observes what comes now.
        context::set_recording(false);
        context::watch_progress();
        self.ready.wake(task);
        self.ready.reveal();
        for task in mem::take(&mut self.doomed) {
            self.ready.wake(task);
        }
        self.run_rounds(cx)
    }

    /// Runs rounds until the execution ends; goes on with them after a panic of a task.
    pub(super) fn run_rounds(&mut self, cx: &Context) -> End {
        loop {
            self.resume_paused();
            let round: Vec<TaskId> = self.ready.gather().iter().collect();
            let mut progressed = false;
            for task in round.iter().copied() {
                match self.run_in_turn(cx, task) {
                    ControlFlow::Continue(has) => progressed |= has,
                    ControlFlow::Break(end) => return end,
                }
            }
            match self.move_clock_in_turn(cx) {
                ControlFlow::Continue(has) => progressed |= has,
                ControlFlow::Break(end) => return end,
            }
            let nothing_left = round.is_empty() && !progressed && self.paused.is_empty();
            if nothing_left && self.ready.gather().is_empty() {
                return self.stuck(cx);
            }
            let Some(fair_end) = &mut self.fair_end else { return self.stuck(cx) };
            fair_end.idle_rounds = if progressed { 0 } else { fair_end.idle_rounds + 1 };
            if fair_end.idle_rounds >= IDLE_ROUNDS {
                return self.exhausted(cx, Budget::Steps);
            }
        }
    }

    /// Runs a segment of a task, if it can still run. Returns whether that brought anything.
    fn run_in_turn(&mut self, cx: &Context, task: TaskId) -> ControlFlow<End, bool> {
        if !self.ready.gather().contains(task) {
            return ControlFlow::Continue(false);
        }
        self.spend(cx)?;
        self.ready.take(task);
        cx.current.set(task);
        let slot = &mut self.slots[task.index()];
        slot.watch();
        let polled = self.poll_watched(cx, task, false);
        if polled == Polled::Yields {
            self.ready.wake(task);
        }
        let ends = polled == Polled::Ends;
        let progressed = ends || context::has_progressed(cx);
        self.settle(cx, task, !ends)?;
        ControlFlow::Continue(progressed)
    }

    /// Moves the clock to the next deadline, if there is one. Returns whether there was.
    fn move_clock_in_turn(&mut self, cx: &Context) -> ControlFlow<End, bool> {
        let own = cx.timers.borrow_mut().next();
        let before = self.ready.gather().len();
        let next = if self.guest.is_some() { self.next_with_guest(own) } else { own };
        let Some(deadline) = next else { return ControlFlow::Continue(false) };
        self.spend(cx)?;
        let now = context::now().max(deadline);
        if now > self.limits.max_virtual_ms {
            return ControlFlow::Break(self.exhausted(cx, Budget::VirtualTime));
        }
        context::set_now(now);
        cx.current.set(TaskId::CLOCK);
        self.clock_moves += 1;
        self.fire_due(cx, now);
        self.after_segment(cx, TaskId::CLOCK, false);
        // With a guest, time also passes for those that only look and yield.
        ControlFlow::Continue(own.is_some() || self.ready.gather().len() > before)
    }

    /// Takes a step from what is left.
    fn spend(&mut self, cx: &Context) -> ControlFlow<End> {
        match &mut self.fair_end {
            Some(FairEnd { left, .. }) if *left > 0 => {
                *left -= 1;
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Break(self.exhausted(cx, Budget::Steps)),
        }
    }
}

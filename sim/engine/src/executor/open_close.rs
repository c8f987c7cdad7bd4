//! How an execution begins and ends: its tasks are admitted, and what is left of them is dropped.

use std::borrow::Cow;
use std::mem;
use std::sync::Arc;

use super::fairness::UNCOUNTED;
use super::properties::drop_looks;
use super::{Engine, TaskSlot};
use crate::context::{self, BoxedTask, Context, SpawnedTask};
use crate::id::TaskId;
use crate::note::Notes;
use crate::oracle::{Observer, Strategy};
use crate::outcome::{End, Limits, Outcome};
use crate::property::Seen;

impl Engine {
    pub(super) fn open(
        &mut self,
        cx: &Context,
        strategy: Box<dyn Strategy>,
        index: u64,
        main: BoxedTask,
    ) {
        cx.active.set(true);
        context::count_execution();
        if self.keeps_notes || self.has_leftovers {
            self.open_notes(cx);
        }
        self.ready.home().begin();
        self.wakes_before = self.ready.home().wakes();
        context::set_now(0);
        context::take_clock_read();
        cx.step.set(0);
        cx.index.set(index);
        cx.current.set(TaskId::MAIN);
        let stays_dirty = self.recording || self.keeps_notes || self.guest.is_some();
        cx.dirty.set(stays_dirty);
        cx.stays_dirty.set(stays_dirty);
        context::set_recording(self.recording);
        cx.faults_left.set(self.limits.faults);
        let none = cx.strategy.replace(Some(strategy));
        debug_assert!(none.is_none());
        mem::forget(none);
        self.log.truncate(usize::try_from(self.limits.max_steps).unwrap_or(usize::MAX));
        self.foreground = 0;
        self.clock_moves = 0;
        self.drops_left = self.limits.drops;
        self.spurious_left = self.limits.spurious;
        self.doomed.clear();
        self.fair_end = None;
        self.ends_from = None;
        cx.takes_defaults.set(false);
        self.held.clear();
        cx.late_percent.set(self.limits.late_percent);
        cx.early_segments.set(self.limits.early_segments);
        cx.is_early.set(false);
        cx.is_calm.set(false);
        self.fast_loop = self.can_use_fast_loop();
        let Limits { drops_waiting, timers_apart, early_segments, .. } = self.limits;
        let has_extras = self.recording
            || drops_waiting
            || timers_apart
            || early_segments > 0
            || self.guest.is_some();
        cx.has_extras.set(has_extras);
        self.paused.clear();
        if self.beacon.is_some() {
            self.open_beacon(cx, index);
        }
        if self.guest.is_some() {
            self.open_guest();
        }
        let id = cx.register(Cow::Borrowed("main"), None);
        self.admit(id, main, self.limits.main_droppable, false);
    }

    #[inline(always)]
    pub(super) fn admit(
        &mut self,
        id: TaskId,
        future: BoxedTask,
        droppable: bool,
        background: bool,
    ) {
        debug_assert_eq!(id.index(), self.admitted);
        if self.admitted == self.slots.len() {
            self.add_slot(id);
        }
        let slot = &mut self.slots[self.admitted];
        let none = slot.future.replace(future);
        debug_assert!(none.is_none());
        mem::forget(none);
        // Whether a droppable task is dropped is asked before each poll, a beacon and a reader have
        // to know of each, and a guest hosts each.
        let watched =
            droppable || self.beacon.is_some() || self.keeps_notes || self.guest.is_some();
        slot.watched_from = if watched { 0 } else { UNCOUNTED };
        slot.unwatched = slot.watched_from.cast_signed();
        slot.last_yield = 0;
        slot.yields = 0;
        slot.row = 0;
        slot.background = background;
        slot.aborting = false;
        slot.droppable = droppable;
        self.admitted += 1;
        self.foreground += usize::from(!background);
        self.ready.insert(id);
        if self.beacon.is_some() {
            self.say_admitted(id);
        }
    }

    // What few executions need is kept out of line, here and at the end: all of a short execution's
    // code just fits into a processor's instruction cache.

    #[cold]
    #[inline(never)]
    fn open_notes(&mut self, cx: &Context) {
        self.notes = Notes::default();
        self.seen = Seen::new();
        self.has_leftovers = false;
        if self.keeps_notes {
            *cx.notes.borrow_mut() = Some(Notes::default());
        }
    }

    #[cold]
    #[inline(never)]
    fn open_beacon(&self, cx: &Context, index: u64) {
        if let Some(beacon) = &self.beacon {
            beacon.begins(index);
            *cx.beacon.borrow_mut() = Some(Arc::clone(beacon));
        }
    }

    #[cold]
    #[inline(never)]
    fn say_admitted(&self, id: TaskId) {
        if let Some(beacon) = &self.beacon {
            let name = context::with(|cx| cx.tasks.borrow()[id.index()].name.clone());
            beacon.admits(name);
        }
    }

    /// Takes into account what tasks that were admitted just now did before their `spawn` returned.
    #[cold]
    pub(super) fn settle_early_runs(&mut self, cx: &Context) {
        let runs = cx.early_runs.take();
        for run in &runs {
            let slot = &mut self.slots[run.task.index()];
            if run.ended.is_some() {
                slot.future = None;
                self.foreground -= usize::from(!slot.background);
                self.ready.retire(run.task);
            } else if !run.hand_over(&slot.waker) {
                self.ready.gather();
                self.ready.take(run.task);
            }
        }
        for run in runs {
            for (payload, place) in run.panics {
                *cx.panic_place.borrow_mut() = place;
                self.note_panic(cx, run.task, payload, true);
            }
        }
    }

    #[cold]
    fn add_slot(&mut self, id: TaskId) {
        self.slots.push(TaskSlot {
            future: None,
            waker: self.ready.waker(id),
            unwatched: 0,
            watched_from: 0,
            last_yield: 0,
            yields: 0,
            row: 0,
            background: false,
            droppable: false,
            aborting: false,
        });
    }

    /// Drops the remaining tasks, and makes the outcome.
    #[inline(always)]
    pub(super) fn close(&mut self, cx: &Context, index: u64, end: End) -> Outcome {
        let steps = self.fair_end.as_ref().map_or(cx.step.get(), |fair_end| fair_end.steps);
        self.steps = steps as usize;
        let virtual_ms = context::now();
        let mut strategy =
            cx.strategy.borrow_mut().take().expect("the strategy was lent to this execution");
        let discards = self.recording && strategy.observer().is_some_and(Observer::discards);
        let end = if discards { End::Abandoned } else { end };
        context::set_recording(false);
        cx.faults_left.set(0);
        cx.late_percent.set(0);
        if self.keeps_notes {
            self.notes = cx.notes.take().unwrap_or_default();
            self.has_leftovers = true;
        }
        self.answers.clear();
        if cx.touched.get() {
            self.close_touched(cx, &end, steps);
        }
        if !self.ready.is_over() || !cx.spawned.borrow().is_empty() {
            self.drop_rest(cx);
        }
        if self.guest.is_some() {
            self.close_guest(cx);
        }
        if self.beacon.is_some() || self.recording || cx.touched.get() {
            self.close_extras(cx);
        }
        self.tasks.clear();
        mem::swap(&mut *cx.tasks.borrow_mut(), &mut self.tasks);
        self.ready.clear();
        self.admitted = 0;
        cx.active.set(false);
        context::forget_outside_objects();
        self.ready.home().end();
        strategy.end();
        self.strategy = Some(strategy);
        Outcome {
            index,
            end,
            steps,
            virtual_ms,
            tasks: self.tasks.len(),
            panics: mem::take(&mut self.panics),
            outside_wakes: self.ready.home().wakes() - self.wakes_before,
        }
    }

    #[inline(never)]
    fn close_touched(&mut self, cx: &Context, end: &End, steps: u64) {
        mem::swap(&mut *cx.answers.borrow_mut(), &mut self.answers);
        if !cx.looks.borrow().is_empty() || !cx.seen.borrow().is_empty() {
            self.finish_properties(cx, end, steps);
        }
    }

    #[inline(never)]
    fn close_extras(&mut self, cx: &Context) {
        if let Some(beacon) = &self.beacon {
            beacon.ends();
            *cx.beacon.borrow_mut() = None;
        }
        if cx.touched.get() {
            cx.clear_touched();
            if !cx.looks.borrow().is_empty() {
                drop_looks(cx);
            }
            let reported = cx.reported.take();
            if !reported.is_empty() {
                self.panics.extend(reported);
                self.panics.sort_by_key(|panic| panic.step);
            }
        }
        if self.recording {
            cx.effects.borrow_mut().clear();
            cx.chosen.borrow_mut().clear();
            cx.traced.borrow_mut().clear();
        }
    }

    /// Drops the remaining tasks, in the order of spawning.
    #[inline(never)]
    fn drop_rest(&mut self, cx: &Context) {
        cx.closing.set(true);
        cx.early_runs.borrow_mut().clear();
        if let Some(last) = cx.before_closing.take() {
            last();
        }
        let mut next = 0;
        loop {
            // A task that is spawned while the rest is dropped never runs.
            while let Some((child, place)) = last_spawned(cx) {
                let id = TaskId(u32::try_from(self.admitted + place).expect("task numbers fit"));
                self.drop_caught(cx, id, child.future);
            }
            if next == self.admitted {
                break;
            }
            if self.slots[next].future.is_some() {
                let task = TaskId(u32::try_from(next).expect("task numbers fit"));
                cx.current.set(task);
                self.drop_future(cx, task);
            }
            next += 1;
        }
        cx.closing.set(false);
    }
}

/// Takes the last of the tasks that were spawned and not admitted, with its place among them.
pub(super) fn last_spawned(cx: &Context) -> Option<(SpawnedTask, usize)> {
    let mut spawned = cx.spawned.borrow_mut();
    let child = spawned.pop()?;
    Some((child, spawned.len()))
}

//! Notes of each segment for the reader of an execution: which tasks could have run, which it
//! woke, and whether it sleeps.

use super::Engine;
use crate::context::{self, Context, WaitFor};
use crate::id::TaskId;
use crate::note::SegmentNote;

/// How many of the tasks that could have run are noted.
const NAMED: usize = 64;

impl Engine {
    /// Whether segments are noted now. What comes after the budget of steps is not.
    pub(super) fn notes_segments(&self) -> bool {
        self.keeps_notes && self.fair_end.is_none()
    }

    /// A segment of `task`, which has been picked, is about to begin.
    #[cold]
    pub(super) fn begin_note(&mut self, cx: &Context, task: TaskId) {
        // Where footprints are kept, the tasks that can run are hidden now.
        self.could_run = if self.recording { self.ready.hidden() } else { self.ready.peek() };
        self.admitted_before = self.admitted;
        let mut could_run = self.could_run.clone();
        if task != TaskId::CLOCK
            && let Err(place) = could_run.binary_search(&task)
        {
            could_run.insert(place, task);
        }
        could_run.truncate(NAMED);
        let (step, at_ms) = (cx.step.get(), context::now());
        let note =
            SegmentNote { step, at_ms, task, could_run, woke: Vec::new(), sleeps_until: None };
        if let Some(notes) = &mut *cx.notes.borrow_mut() {
            notes.segments.push(note);
        }
    }

    /// The segment has ended.
    #[cold]
    pub(super) fn end_note(&mut self, cx: &Context, task: TaskId) {
        let ready = self.ready.peek();
        let sleeps = task != TaskId::CLOCK
            && ready.binary_search(&task).is_err()
            && cx.tasks.borrow()[task.index()].waits.is_some_and(|wait| {
                wait.step == cx.step.get() && matches!(wait.what, WaitFor::Clock)
            });
        let sleeps_until = if sleeps { cx.timers.borrow().next_of(task) } else { None };
        let is_woken = |other: &TaskId| {
            *other != task
                && other.index() < self.admitted_before
                && self.could_run.binary_search(other).is_err()
        };
        if let Some(notes) = &mut *cx.notes.borrow_mut()
            && let Some(note) = notes.segments.last_mut()
            && note.step == cx.step.get()
        {
            note.woke = ready.into_iter().filter(is_woken).collect();
            note.sleeps_until = sleeps_until;
        }
    }
}

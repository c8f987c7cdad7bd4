//! Tasks in the background at the end of an execution whose footprints are kept.
//!
//! The execution is over when the last other task ends: then those that are left are dropped. How
//! far they came depends on when that was, so the order of that end and each of their segments can
//! be observed. A search learns so from the trace: the end aborts them, and their drops are steps.

use super::Engine;
use crate::context::{self, Context};
use crate::footprint::{Effect, Mode};
use crate::id::{ObjectId, TaskId};

impl Engine {
    /// The running segment has ended the last task that is not in the background.
    #[cold]
    pub(super) fn end_background(&mut self, cx: &Context) {
        let is_ending = self.ends_from.is_some();
        self.ends_from.get_or_insert(cx.step.get() + 1);
        for id in (0..).map(TaskId).take(self.admitted) {
            let slot = &self.slots[id.index()];
            // Those that have ended already could have come later.
            if slot.background && !slot.aborting {
                if !is_ending {
                    context::effect(Effect::Access(ObjectId::of_task(cx.key(id)), Mode::Write));
                }
                self.abort(id);
            }
        }
    }

    /// Whether a task in the background is left.
    #[cold]
    pub(super) fn has_background(&self) -> bool {
        self.fair_end.is_none()
            && self.slots[..self.admitted].iter().any(|slot| slot.future.is_some())
    }
}

//! What each segment touched, for strategies that observe it.

use super::{Engine, EngineView};
use crate::context::Context;
use crate::footprint::{Effect, Mode, Segment};
use crate::id::{ObjectId, TaskId};
use crate::wakeup::segment_object;

impl Engine {
    #[inline(never)]
    pub(super) fn report_segment(&mut self, cx: &Context, task: TaskId, finished: bool) {
        let key = cx.key(task);
        if task != TaskId::CLOCK {
            // Aborting a task is in conflict with each of its segments.
            let mut traced = cx.traced.borrow_mut();
            let traced = &mut traced[task.index()];
            traced.segments += 1;
            traced.enabler = None;
            let mut effects = cx.effects.borrow_mut();
            effects.push(Effect::Access(ObjectId::of_task(key), Mode::Read));
            effects.push(Effect::Access(segment_object(key, traced.segments), Mode::Read));
            // An aborted task runs even if its wait is not satisfied.
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
        self.woken.extend(self.ready.gather().iter());
        for id in &self.woken {
            if let Some(traced) = cx.traced.borrow_mut().get_mut(id.index()) {
                traced.enabler.get_or_insert(cx.step.get());
            }
            // Two wakes of one wait are in conflict: the first is what let the task run.
            if *id != task && !self.spawned.contains(id) {
                let next = segment_object(cx.key(*id), cx.segments(*id) + 1);
                cx.effects.borrow_mut().push(Effect::Access(next, Mode::Write));
            }
        }
        self.ready.reveal();
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
                view: EngineView(self),
            };
            let mut strategy = cx.strategy.borrow_mut();
            if let Some(observer) = strategy.as_mut().and_then(|strategy| strategy.observer()) {
                observer.segment(&segment);
            }
        }
        cx.effects.borrow_mut().clear();
        cx.chosen.borrow_mut().clear();
    }
}

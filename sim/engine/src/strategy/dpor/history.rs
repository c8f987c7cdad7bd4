//! Which steps of the current execution happen before which, and which race.

use std::sync::Arc;

use super::event::{Process, SegmentEvent};
use super::frame::Frame;
use super::interner::{CLOCK, Interner};
use crate::{Effect, Mode, Segment, TaskId};

/// The steps so far, by what they did. All steps are given by their depth.
#[derive(Debug, Default)]
pub(super) struct History {
    /// For each object, the steps that used it.
    uses: Vec<Vec<(usize, Mode)>>,
    /// For each process, its steps.
    steps: Vec<Vec<usize>>,
    /// For each process that can run, the step that made it so.
    enablers: Vec<Option<usize>>,
    barriers: Vec<usize>,
    scratch: Vec<usize>,
}

impl History {
    fn make_room(&mut self, process: Process) {
        let rows = process as usize + 1;
        if self.steps.len() < rows {
            self.steps.resize_with(rows, Vec::new);
            self.enablers.resize(rows, None);
        }
    }

    /// Makes an event of the segment that ran from the frame at `depth`, and adds to `races` the
    /// earlier steps that it races with: they are in conflict, and nothing else orders them.
    pub(super) fn record(
        &mut self,
        frames: &mut [Frame],
        depth: usize,
        segment: &Segment<'_>,
        interner: &mut Interner,
        races: &mut Vec<(usize, usize)>,
    ) {
        let process = interner.process(segment.key);
        self.make_room(process);
        let barrier = segment.task == TaskId::CLOCK;
        let mut event = SegmentEvent { process, accesses: Vec::new(), barrier };
        let mut clock = std::mem::take(&mut frames[depth].clock);
        clock.clear();
        let cause = self.steps[process as usize].last().copied();
        let enabler = self.enablers[process as usize];
        for cause in cause.into_iter().chain(enabler).chain(self.barriers.last().copied()) {
            clock.join(&frames[cause].clock);
        }
        for effect in segment.effects {
            match effect {
                Effect::Access(id, mode) => event.access(interner.object(*id), *mode),
                Effect::After(step) => {
                    if let Ok(step) = usize::try_from(*step)
                        && step < depth
                    {
                        clock.join(&frames[step].clock);
                    }
                }
            }
        }
        event.accesses.sort_unstable();
        if let Some((last, _)) = event.accesses.last()
            && self.uses.len() <= *last as usize
        {
            self.uses.resize_with(*last as usize + 1, Vec::new);
        }
        if barrier {
            for frame in &frames[..depth] {
                clock.join(&frame.clock);
            }
        }
        self.scratch.clear();
        for (object, mode) in &event.accesses {
            for (step, other) in self.uses[*object as usize].iter().rev() {
                if mode.conflicts(*other) {
                    self.scratch.push(*step);
                }
                if *other == Mode::Write {
                    // What came before conflicts with this write, and so happens before it.
                    break;
                }
            }
        }
        self.scratch.sort_unstable();
        self.scratch.dedup();
        for step in self.scratch.drain(..).rev() {
            let frame = &frames[step];
            let other = frame.event.as_ref().map_or(CLOCK, |event| event.process);
            if clock.get(other) < frame.count {
                clock.join(&frame.clock);
                races.push((step, depth));
            }
        }
        let steps = &mut self.steps[process as usize];
        steps.push(depth);
        let count = u32::try_from(steps.len()).unwrap_or(u32::MAX);
        clock.set(process, count);
        for (object, mode) in &event.accesses {
            self.uses[*object as usize].push((depth, *mode));
        }
        if barrier {
            self.barriers.push(depth);
        }
        let mut undo = std::mem::take(&mut frames[depth].undo);
        undo.clear();
        undo.push((process, self.enablers[process as usize].take()));
        for task in segment.woken {
            let woken = interner.process(segment.key_of(*task));
            self.make_room(woken);
            let enabler = &mut self.enablers[woken as usize];
            if enabler.is_none() {
                undo.push((woken, None));
                *enabler = Some(depth);
            }
        }
        let frame = &mut frames[depth];
        frame.task = Some(segment.task);
        frame.event = Some(Arc::new(event));
        frame.count = count;
        frame.clock = clock;
        frame.undo = undo;
    }

    /// Takes the last step back.
    pub(super) fn undo(&mut self, frame: &mut Frame, event: &SegmentEvent) {
        for (process, before) in frame.undo.drain(..).rev() {
            self.enablers[process as usize] = before;
        }
        for (object, _) in &event.accesses {
            self.uses[*object as usize].pop();
        }
        self.steps[event.process as usize].pop();
        if event.barrier {
            self.barriers.pop();
        }
    }

    /// Forgets every step.
    pub(super) fn clear(&mut self) {
        self.uses.iter_mut().for_each(Vec::clear);
        self.steps.iter_mut().for_each(Vec::clear);
        self.enablers.fill(None);
        self.barriers.clear();
    }
}

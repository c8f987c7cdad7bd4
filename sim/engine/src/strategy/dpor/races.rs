//! Seeing to it that the other order of each race is run.
//!
//! All steps are given by their depth.

use std::mem;
use std::sync::Arc;

use super::Dpor;
use super::event::SegmentEvent;
use super::frame::happens_before;
use super::tree::{Sequence, insert};

impl Dpor {
    /// Plans the other order of each race that the execution has shown.
    pub(super) fn reverse_races(&mut self) {
        let mut races = mem::take(&mut self.races);
        for (first, second) in races.drain(..) {
            // What led up to this part of the search was seen by another.
            if second + 1 >= self.base {
                self.tally.races += 1;
                self.reverse(first, second);
            }
            if self.does_otherwise(first, second).is_some() {
                self.uncertain.push((first, second));
            }
        }
        self.races = races;
        for at in 0..self.uncertain.len() {
            let (first, second) = self.uncertain[at];
            self.reverse_for_later_steps(first, second);
        }
    }

    /// Forgets the races of the steps that are taken back, from this depth on.
    pub(super) fn forget_races(&mut self, depth: usize) {
        self.uncertain.retain(|(_, second)| *second < depth);
    }

    fn reverse(&mut self, first: usize, second: usize) {
        let others = |end| self.others(first, end).chain([second]).collect();
        if !self.begins_elsewhere(first, || others(second)) {
            let end = if first < self.base { second } else { self.frames.len() };
            self.plan(first, others(end));
        }
    }

    /// Plans the later steps that are in conflict with what the second step's task does in place of
    /// the first.
    fn reverse_for_later_steps(&mut self, first: usize, second: usize) {
        let Some(sleeper) = self.does_otherwise(first, second).cloned() else { return };
        for step in second + 1..self.frames.len() {
            let Some(event) = &self.frames[step].event else { continue };
            if !event.conflicts(&sleeper) || happens_before(&self.frames, first, step) {
                continue;
            }
            let leads = |earlier: &usize| happens_before(&self.frames, *earlier, step);
            let steps: Vec<_> = self.others(first, step).filter(leads).chain([step]).collect();
            if !self.begins_elsewhere(first, || steps.clone()) {
                self.plan(first, steps);
            }
        }
    }

    /// The steps from `first` to before `end` that do not happen after the first of them.
    fn others(&self, first: usize, end: usize) -> impl Iterator<Item = usize> {
        let frames = &self.frames;
        (first + 1..end).filter(move |step| {
            frames[*step].event.is_some() && !happens_before(frames, first, *step)
        })
    }

    /// What the second step's task does in the state before the first, if it sleeps there for a
    /// branch that runs beside this one, and if that is something else.
    fn does_otherwise(&self, first: usize, second: usize) -> Option<&Arc<SegmentEvent>> {
        let event = self.frames[second].event.as_ref()?;
        let (foreign, _) = self.frames[first].sleepers();
        foreign.iter().find(|sleeper| sleeper.process == event.process && *sleeper != event)
    }

    /// Whether a sequence is a matter of a branch that may run beside this one.
    fn begins_elsewhere(&self, first: usize, steps: impl FnOnce() -> Vec<usize>) -> bool {
        let (foreign, _) = self.frames[first].sleepers();
        !foreign.is_empty() && Sequence::new(&self.frames, first, steps()).is_begun_by(foreign)
    }

    /// Adds a sequence to what is to be run from the state before `first`.
    fn plan(&mut self, first: usize, mut steps: Vec<usize>) {
        if let Some(finds) = self.outside.get_mut(first) {
            let sequence = Sequence::new(&self.frames, first, steps);
            let planned = self.planned[first].iter();
            let mut planned = planned.chain(finds.iter().map(|node| &node.event.process));
            if !planned.any(|process| sequence.begins_with(*process)) {
                finds.extend(sequence.into_chain());
            }
            return;
        }
        // Taken out while they are changed: the sequence looks at the other frames.
        let mut todo = mem::take(&mut self.frames[first].todo);
        // The first step comes last: a step that sleeps and is in conflict with it must not stand
        // in for the sequence. The published algorithm can leave it out because it knows
        // what the second step will do.
        steps.push(first);
        let sequence = Sequence::new(&self.frames, first, steps);
        let (_, own) = self.frames[first].sleepers();
        if !sequence.is_covered_by(own) {
            insert(&mut todo, sequence);
        }
        self.frames[first].todo = todo;
    }
}

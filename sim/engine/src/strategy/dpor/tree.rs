//! Wakeup trees: the sequences that are still to be run from a state, with shared beginnings.

use std::sync::Arc;

use super::event::{Node, Process, SegmentEvent};
use super::frame::{Frame, happens_before};

/// A sequence of steps to be run from a state, with the order that they must keep.
pub(super) struct Sequence<'a> {
    /// The execution that they are taken from.
    frames: &'a [Frame],
    /// The step that was run from the state.
    first: usize,
    /// By their depths.
    steps: Vec<usize>,
}

impl<'a> Sequence<'a> {
    /// These steps, given by their depths, to be run from the state before `first`. If that is one
    /// of them, it is the last.
    pub(super) fn new(frames: &'a [Frame], first: usize, steps: Vec<usize>) -> Self {
        Self { frames, first, steps }
    }

    fn events(&self) -> impl Iterator<Item = &'a Arc<SegmentEvent>> {
        let frames = self.frames;
        self.steps.iter().filter_map(|step| frames[*step].event.as_ref())
    }

    /// Whether the step at `at` can come first.
    fn is_initial(&self, at: usize) -> bool {
        let step = self.steps[at];
        let leads =
            |earlier: &usize| step == self.first || happens_before(self.frames, *earlier, step);
        !self.steps[..at].iter().any(leads)
    }

    fn find(&self, process: Process) -> Option<usize> {
        self.events().position(|event| event.process == process)
    }

    /// Whether running a step first leads to a sequence that this one is part of: it is one of
    /// those that can come first, or independent of all (a *weak initial*). Where it is found,
    /// its index is given.
    ///
    /// What the last event will do before its time is not known, only what it did after. If that is
    /// in conflict with the step after all, the conflict shows where the step runs first, and
    /// the other order is added there.
    fn starts_with(&self, event: &SegmentEvent) -> Option<Option<usize>> {
        match self.find(event.process) {
            Some(at) => self.is_initial(at).then_some(Some(at)),
            None => self.events().all(|e| !e.conflicts(event)).then_some(None),
        }
    }

    /// Whether a step of this process is in the sequence and can come first: an *initial*.
    pub(super) fn begins_with(&self, process: Process) -> bool {
        self.find(process).is_some_and(|at| self.is_initial(at))
    }

    /// Whether one of the steps that sleep makes this sequence superfluous by the rule of wakeup
    /// trees: it is a weak initial.
    pub(super) fn is_covered_by(&self, sleep: &[Arc<SegmentEvent>]) -> bool {
        sleep.iter().any(|sleeper| self.starts_with(sleeper).is_some())
    }

    /// Whether one of the steps that sleep does so by the rule of source sets: it is an initial.
    /// That is judged by what it did where it came to sleep, which may be something else than
    /// in the execution that the sequence is taken from.
    pub(super) fn is_begun_by(&self, sleep: &[Arc<SegmentEvent>]) -> bool {
        sleep.iter().any(|sleeper| {
            let at = self.find(sleeper.process);
            at.is_some_and(|at| self.events().take(at).all(|event| !event.conflicts(sleeper)))
        })
    }

    /// The sequence as the only one of a tree.
    pub(super) fn into_chain(self) -> Vec<Node> {
        let mut chain = Vec::new();
        for step in self.steps.iter().rev() {
            if let Some(event) = self.frames[*step].event.clone() {
                chain = vec![Node { event, children: chain }];
            }
        }
        chain
    }
}

/// Adds a sequence to a tree, unless a sequence in it leads there already. This is the operation of
/// that name of Abdulla, Aronis, Jonsson and Sagonas (section 6 of the paper named in the
/// [module](super)'s guide).
pub(super) fn insert(mut children: &mut Vec<Node>, mut sequence: Sequence<'_>) {
    loop {
        let matching = children
            .iter()
            .enumerate()
            .find_map(|(n, node)| sequence.starts_with(&node.event).map(|at| (n, at)));
        let Some((n, at)) = matching else { break };
        if let Some(at) = at {
            sequence.steps.remove(at);
        }
        if children[n].children.is_empty() || sequence.steps.is_empty() {
            return;
        }
        children = &mut children[n].children;
    }
    children.extend(sequence.into_chain());
}

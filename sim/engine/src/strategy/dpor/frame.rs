//! The steps of the current execution, and the alternatives that are still to be run.

use std::sync::Arc;

use super::event::{Node, Process, SegmentEvent, VectorClock};
use super::interner::CLOCK;
use crate::TaskId;

/// The state before a step of the current execution, and that step.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) process: Option<Process>,
    pub(super) task: Option<TaskId>,
    pub(super) event: Option<Arc<SegmentEvent>>,
    /// Its number among the events of its process, from 1.
    pub(super) count: u32,
    pub(super) clock: VectorClock,
    /// Steps that need not be run from this state: explored here, or before and not in conflict
    /// since.
    pub(super) sleep: Vec<Arc<SegmentEvent>>,
    /// How many of them, the first ones, come from states whose branches may run side by side.
    pub(super) foreign: usize,
    /// How many steps have been explored from here.
    pub(super) explored: u32,
    /// The steps still to be run from here.
    pub(super) todo: Vec<Node>,
    /// The steps still to be run after the step.
    pub(super) after: Vec<Node>,
    /// What the step changed among the enablers, to be undone.
    pub(super) undo: Vec<(Process, Option<usize>)>,
}

impl Frame {
    /// Takes up the next of the planned steps that does not sleep. One sleeps if what was known of
    /// a later step when the plan was made has turned out otherwise.
    pub(super) fn take_up(&mut self) -> bool {
        while !self.todo.is_empty() {
            let Node { event, children } = self.todo.remove(0);
            if !sleeps(&self.sleep, event.process) {
                self.process = Some(event.process);
                self.after = children;
                return true;
            }
        }
        false
    }

    /// The steps that sleep: first those that others may be running, then those that were explored
    /// before.
    pub(super) fn sleepers(&self) -> (&[Arc<SegmentEvent>], &[Arc<SegmentEvent>]) {
        self.sleep.split_at(self.foreign)
    }

    /// Whether each of the planned steps wakes all that sleeps here, or will when it is its turn.
    pub(super) fn wakes_all(&self) -> bool {
        let asleep = || self.sleep.iter().chain(&self.event);
        self.todo.iter().enumerate().all(|(n, node)| {
            let ahead = self.todo[..n].iter().map(|node| &node.event);
            asleep().chain(ahead).all(|sleeper| sleeper.conflicts(&node.event))
        })
    }

    /// Makes it the frame after `parent`, with nothing run from it yet.
    pub(super) fn follow(&mut self, parent: Option<&mut Self>) {
        self.clock.clear();
        self.sleep.clear();
        self.after.clear();
        self.foreign = 0;
        self.explored = 0;
        self.process = None;
        let Some(parent) = parent else { return };
        self.todo = std::mem::take(&mut parent.after);
        if let Some(event) = &parent.event {
            let awake = |sleeper: &&Arc<SegmentEvent>| !sleeper.conflicts(event);
            let (foreign, own) = parent.sleepers();
            self.sleep.extend(foreign.iter().filter(awake).cloned());
            self.foreign = self.sleep.len();
            self.sleep.extend(own.iter().filter(awake).cloned());
        }
    }
}

/// Whether a task's step sleeps.
pub(super) fn sleeps(sleep: &[Arc<SegmentEvent>], process: Process) -> bool {
    sleep.iter().any(|sleeper| sleeper.process == process)
}

/// Whether the step at depth `first` happens before that at `second`.
pub(super) fn happens_before(frames: &[Frame], first: usize, second: usize) -> bool {
    let process = frames[first].event.as_ref().map_or(CLOCK, |event| event.process);
    first != second && frames[second].clock.get(process) >= frames[first].count
}

//! Wakeup trees: what is still to be run from a state, as sequences that share beginnings.

use super::event::{Event, Process};
use std::sync::Arc;

/// A step to be run, and what is known to follow it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// What the step did when it was last seen; whose it is, above all.
    pub(super) event: Arc<Event>,
    pub(super) children: Vec<Node>,
}

/// A sequence of events to be run from a state, with the order that they must keep.
pub(super) struct Sequence<'a> {
    /// Each with its place in the trace.
    pub(super) events: Vec<(usize, Arc<Event>)>,
    /// Whether the first of two events, given by their places in the trace, happens before the second.
    pub(super) before: &'a dyn Fn(usize, usize) -> bool,
}

impl Sequence<'_> {
    /// Whether the event at `at` can come first.
    fn is_initial(&self, at: usize) -> bool {
        let (place, _) = self.events[at];
        self.events[..at].iter().all(|(earlier, _)| !(self.before)(*earlier, place))
    }

    fn find(&self, process: Process) -> Option<usize> {
        self.events.iter().position(|(_, event)| event.process == process)
    }

    /// Whether running a step first leads to a sequence that this one is part of: it is one of those that can come
    /// first, or independent of all (a *weak initial*). Where it is found, its index is given.
    ///
    /// What the last event will do before its time is not known, only what it did after. If that is in conflict with the
    /// step after all, the conflict shows where the step runs first, and the other order is added there.
    fn starts_with(&self, event: &Event) -> Option<Option<usize>> {
        match self.find(event.process) {
            Some(at) => self.is_initial(at).then_some(Some(at)),
            None => self.events.iter().all(|(_, e)| !e.conflicts(event)).then_some(None),
        }
    }

    /// Whether the steps that sleep at its beginning make this sequence superfluous.
    pub(super) fn is_covered_by(&self, sleep: &[Arc<Event>]) -> bool {
        sleep.iter().any(|sleeper| self.starts_with(sleeper).is_some())
    }
}

/// Adds a sequence to a tree, unless a sequence in it leads there already. This is the operation of that name of Abdulla,
/// Aronsson, Jonsson and Sagonas (section 6 of the paper named in the [module](super)'s guide).
pub(super) fn insert(mut children: &mut Vec<Node>, mut sequence: Sequence<'_>) {
    loop {
        let matching = children
            .iter()
            .enumerate()
            .find_map(|(n, node)| sequence.starts_with(&node.event).map(|at| (n, at)));
        let Some((n, at)) = matching else { break };
        if let Some(at) = at {
            sequence.events.remove(at);
        }
        if children[n].children.is_empty() || sequence.events.is_empty() {
            return;
        }
        children = &mut children[n].children;
    }
    let chain = sequence.events.into_iter().rev();
    children.extend(chain.fold(Vec::new(), |children, (_, event)| vec![Node { event, children }]));
}

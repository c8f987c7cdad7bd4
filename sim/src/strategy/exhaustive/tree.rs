//! Wakeup trees: what is still to be run from a state, as sequences that share beginnings.

use super::event::{Event, Process};
use std::sync::Arc;

/// Which task runs, and which values its first choices take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) process: Process,
    pub(super) values: Vec<u32>,
}

/// A step to be run, and what is known to follow it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) label: Label,
    /// What the step did when it was last seen. Unknown for a value that was never tried.
    pub(super) event: Option<Arc<Event>>,
    pub(super) children: Vec<Node>,
}

/// A sequence of events to be run from a state, with the order that they must keep.
pub(super) struct Sequence<'a> {
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

    /// Whether running `event` first leads to a sequence that this one is part of: it is one of those that can come
    /// first, or independent of all (a *weak initial*). Where it is found, its place is given.
    fn starts_with(
        &self,
        process: Process,
        values: Option<&[u32]>,
        event: Option<&Event>,
    ) -> Option<Option<usize>> {
        match self.events.iter().position(|(_, e)| e.process == process) {
            Some(at) => {
                let (_, found) = &self.events[at];
                let same = match (values, event) {
                    (Some(values), _) => found.begins_with(values),
                    (None, Some(event)) => found.choices == event.choices,
                    (None, None) => false,
                };
                (same && self.is_initial(at)).then_some(Some(at))
            }
            None => event
                .is_some_and(|event| self.events.iter().all(|(_, e)| !e.conflicts(event)))
                .then_some(None),
        }
    }

    /// Whether an explored event makes this sequence superfluous.
    pub(super) fn is_covered_by(&self, sleeping: &Event) -> bool {
        self.starts_with(sleeping.process, None, Some(sleeping)).is_some()
    }

    /// Whether one of the events that can come first is explored or planned already: whether what is known is a source
    /// set for this sequence.
    pub(super) fn begins_in(&self, sleep: &[Arc<Event>], planned: &[Node]) -> bool {
        self.events.iter().enumerate().any(|(at, (_, event))| {
            let known =
                sleep.iter().any(|e| e.process == event.process && e.choices == event.choices)
                    || planned.iter().any(|node| {
                        node.label.process == event.process && event.begins_with(&node.label.values)
                    });
            let first = self.events[..at].iter().all(|(_, e)| e.process != event.process);
            known && first && self.is_initial(at)
        })
    }
}

/// Adds a sequence to a tree, unless a sequence in it leads there already. This is the operation of that name of Abdulla,
/// Aronsson, Jonsson and Sagonas (section 6 of the paper named in the [module](super)'s guide).
pub(super) fn insert(mut children: &mut Vec<Node>, mut sequence: Sequence<'_>) {
    loop {
        let matching = children.iter().enumerate().find_map(|(n, node)| {
            let Label { process, values } = &node.label;
            sequence.starts_with(*process, Some(values), node.event.as_deref()).map(|at| (n, at))
        });
        let Some((n, at)) = matching else { break };
        if let Some(at) = at {
            sequence.events.remove(at);
        }
        if children[n].children.is_empty() || sequence.events.is_empty() {
            return;
        }
        children = &mut children[n].children;
    }
    let chain = sequence.events.into_iter().rev().fold(Vec::new(), |children, (_, event)| {
        let label = Label { process: event.process, values: event.values() };
        vec![Node { label, event: Some(event), children }]
    });
    children.extend(chain);
}

//! Executed segments, and which of them are in conflict.

use std::sync::Arc;

use crate::Mode;

/// A task as a number of this search: the same in every execution.
pub(super) type Process = u32;

/// An executed segment, without its place: what another order of independent segments leaves as it
/// is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentEvent {
    pub(super) process: Process,
    /// Each object once, by ascending number.
    pub(super) accesses: Vec<(u32, Mode)>,
    /// The clock's move, which everything before leads to and everything after comes from.
    pub(super) barrier: bool,
}

impl SegmentEvent {
    /// Adds an access. One object used in two ways that conflict with different others counts as
    /// written.
    pub(super) fn access(&mut self, object: u32, mode: Mode) {
        match self.accesses.iter_mut().find(|(o, _)| *o == object) {
            Some((_, known)) if *known == mode => {}
            Some((_, known)) => *known = Mode::Write,
            None => self.accesses.push((object, mode)),
        }
    }

    /// Whether the order of two adjacent segments can be seen.
    pub(super) fn conflicts(&self, other: &Self) -> bool {
        if self.process == other.process || self.barrier || other.barrier {
            return true;
        }
        let (mut left, mut right) =
            (self.accesses.iter().peekable(), other.accesses.iter().peekable());
        while let (Some((a, m)), Some((b, n))) = (left.peek(), right.peek()) {
            match a.cmp(b) {
                std::cmp::Ordering::Less => drop(left.next()),
                std::cmp::Ordering::Greater => drop(right.next()),
                std::cmp::Ordering::Equal => {
                    if m.conflicts(*n) {
                        return true;
                    }
                    left.next();
                    right.next();
                }
            }
        }
        false
    }
}

/// A step to be run, and the steps that are known to follow it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The step as it was last seen: its process, and its accesses.
    pub(super) event: Arc<SegmentEvent>,
    pub(super) children: Vec<Node>,
}

/// How many events of each process come before an event, itself among them: a vector clock
/// (Mattern, "Virtual Time and Global States of Distributed Systems", 1989).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct VectorClock(Vec<u32>);

impl VectorClock {
    pub(super) fn get(&self, process: Process) -> u32 {
        self.0.get(process as usize).copied().unwrap_or(0)
    }

    pub(super) fn set(&mut self, process: Process, count: u32) {
        if self.0.len() <= process as usize {
            self.0.resize(process as usize + 1, 0);
        }
        self.0[process as usize] = count;
    }

    pub(super) fn join(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine = (*mine).max(*theirs);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(process: Process, accesses: &[(u32, Mode)]) -> SegmentEvent {
        let mut event = SegmentEvent { process, accesses: vec![], barrier: false };
        for (object, mode) in accesses {
            event.access(*object, *mode);
        }
        event.accesses.sort_unstable();
        event
    }

    #[test]
    fn conflicts_are_those_of_the_objects() {
        let read = event(0, &[(1, Mode::Read), (7, Mode::Commute)]);
        let write = event(1, &[(0, Mode::Write), (7, Mode::Write)]);
        let count = event(2, &[(3, Mode::Read), (7, Mode::Commute)]);
        let both = event(3, &[(7, Mode::Read), (7, Mode::Commute)]);
        assert!(read.conflicts(&write) && write.conflicts(&count) && both.conflicts(&count));
        assert!(!read.conflicts(&count) && !count.conflicts(&event(4, &[])));
        assert!(read.conflicts(&event(0, &[])));
    }
}

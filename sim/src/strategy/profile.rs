//! What the segments of one execution used, as a guess at what those of the next will.

use super::random::Block;
use crate::engine::{Mode, ObjectId, Segment, TaskId, TaskKey};
use std::collections::{BTreeMap, BTreeSet};

/// The objects that each segment of an execution used. Segments are known by their task, and by how many of it came before.
///
/// What a segment will do is not known before it has run. In another execution of the same program it will most likely do
/// what it did in this one. That one is the first of a [block](Block), and what it showed holds for the rest.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    block: Block,
    /// Whether this execution is the one that is learned from.
    learns: bool,
    used: BTreeMap<(TaskKey, u32), Vec<(ObjectId, Mode)>>,
    segments: BTreeMap<TaskKey, u32>,
}

impl Profile {
    /// Goes on to an execution. Says whether what was learned holds for it.
    pub(super) fn begin(&mut self, index: u64) -> bool {
        let goes_on = self.block.goes_on(index);
        self.learns = index.is_multiple_of(Block::SIZE);
        if !goes_on {
            self.used.clear();
            self.segments.clear();
        }
        goes_on
    }

    /// Whether this execution is the one that is learned from.
    pub(super) fn learns(&self) -> bool {
        self.learns
    }

    pub(super) fn note(&mut self, segment: &Segment<'_>) {
        if segment.task == TaskId::CLOCK {
            return;
        }
        let ordinal = self.segments.entry(segment.key).or_default();
        self.used.insert((segment.key, *ordinal), segment.accesses().collect());
        *ordinal += 1;
    }

    fn uses(&self, segment: (TaskKey, u32)) -> &[(ObjectId, Mode)] {
        self.used.get(&segment).map_or(&[], Vec::as_slice)
    }

    /// Whether two segments were in conflict.
    pub(super) fn conflict(&self, one: (TaskKey, u32), two: (TaskKey, u32)) -> bool {
        let others = self.uses(two);
        self.uses(one).iter().any(|(object, mode)| {
            others.iter().any(|(other, how)| object == other && mode.conflicts(*how))
        })
    }

    /// The objects in use of which several tasks were in conflict.
    pub(super) fn contested(&self) -> Vec<ObjectId> {
        let mut by_object: BTreeMap<ObjectId, Vec<(TaskKey, Mode)>> = BTreeMap::new();
        for ((task, _), used) in &self.used {
            for (object, mode) in used {
                by_object.entry(*object).or_default().push((*task, *mode));
            }
        }
        let contested = by_object.into_iter().filter(|(_, uses)| {
            let distinct: BTreeSet<_> = uses.iter().collect();
            distinct.iter().any(|(task, mode)| {
                distinct.iter().any(|(other, how)| task != other && mode.conflicts(*how))
            })
        });
        contested.map(|(object, _)| object).collect()
    }

    /// The segments that used an object, of each task in order.
    pub(super) fn segments_with(&self, object: ObjectId) -> BTreeMap<TaskKey, Vec<u32>> {
        let mut segments: BTreeMap<TaskKey, Vec<u32>> = BTreeMap::new();
        for ((task, ordinal), used) in &self.used {
            if used.iter().any(|(other, _)| *other == object) {
                segments.entry(*task).or_default().push(*ordinal);
            }
        }
        segments
    }
}

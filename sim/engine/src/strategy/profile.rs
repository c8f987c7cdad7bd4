//! What the segments of one execution used, as a guess at what those of the next will.

use std::collections::BTreeMap;
use std::ops::Range;

use super::block::LearningBlock;
use crate::{Mode, ObjectId, Segment, TaskId, TaskKey};

/// The objects that each segment of an execution used. Segments are known by their task, and by how
/// many of it came before.
///
/// The uses of a segment are unknown before it has run. In another execution of the same program
/// they are most likely the same as in this one. That one is the first of a [block](LearningBlock),
/// and what it showed holds for the rest.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    block: LearningBlock,
    /// Whether this execution is the one that is learned from.
    learns: bool,
    /// What all segments used, one after another.
    uses: Vec<(ObjectId, Mode)>,
    /// Where in it each task's segments are, in order.
    segments: BTreeMap<TaskKey, Vec<Range<usize>>>,
    /// [`contested`](Self::contested), once that is known.
    contested: Option<Vec<ObjectId>>,
}

impl Profile {
    /// Moves on to an execution. Returns whether earlier findings hold for it.
    pub(super) fn begin(&mut self, index: u64) -> bool {
        let goes_on = self.block.goes_on(index);
        self.learns = index.is_multiple_of(LearningBlock::SIZE);
        if !goes_on {
            self.uses.clear();
            self.segments.clear();
            self.contested = None;
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
        self.contested = None;
        let start = self.uses.len();
        self.uses.extend(segment.accesses());
        self.segments.entry(segment.key).or_default().push(start..self.uses.len());
    }

    fn uses(&self, (task, ordinal): (TaskKey, u32)) -> &[(ObjectId, Mode)] {
        let segments = self.segments.get(&task);
        let segment = segments.and_then(|segments| segments.get(ordinal as usize));
        segment.map_or(&[], |segment| &self.uses[segment.clone()])
    }

    /// Whether two segments were in conflict.
    pub(super) fn conflict(&self, one: (TaskKey, u32), two: (TaskKey, u32)) -> bool {
        let others = self.uses(two);
        self.uses(one).iter().any(|(object, mode)| {
            others.iter().any(|(other, how)| object == other && mode.conflicts(*how))
        })
    }

    /// The objects in use of which several tasks were in conflict.
    pub(super) fn contested(&mut self) -> &[ObjectId] {
        let Self { uses, segments, contested, .. } = self;
        contested.get_or_insert_with(|| {
            let used = segments.iter().flat_map(|(task, segments)| {
                let used = segments.iter().flat_map(|segment| &uses[segment.clone()]);
                used.map(|(object, mode)| (*object, *task, *mode))
            });
            let mut used: Vec<_> = used.collect();
            used.sort_unstable();
            used.dedup();
            let contested = used.chunk_by(|one, other| one.0 == other.0).filter(|users| {
                users.iter().any(|(_, task, mode)| {
                    users.iter().any(|(_, other, how)| task != other && mode.conflicts(*how))
                })
            });
            contested.map(|users| users[0].0).collect()
        })
    }

    /// The segments that used an object, of each task in order, by ascending key.
    pub(super) fn segments_with(&self, object: ObjectId) -> Vec<(TaskKey, Vec<u32>)> {
        let with = |segments: &[Range<usize>]| {
            let numbered = (0..).zip(segments);
            let with = numbered.filter(|(_, segment)| {
                self.uses[(*segment).clone()].iter().any(|(other, _)| *other == object)
            });
            with.map(|(ordinal, _)| ordinal).collect::<Vec<_>>()
        };
        let tasks = self.segments.iter().map(|(task, segments)| (*task, with(segments)));
        tasks.filter(|(_, segments)| !segments.is_empty()).collect()
    }
}

//! The position that both providers count, and what a report shows of it.

use super::plan::{Phase, Plan};
use crate::world::scenario::{Maximum, Provider, Text};

/// The position of one sync.
#[derive(Clone, Copy, Default)]
pub(super) struct Position {
    pub(super) done: u32,
    pub(super) max: u32,
    /// The host got the report that everything is done before it asked to stop.
    pub(super) told_complete: bool,
}

impl Position {
    /// The index and the maximum of a report.
    pub(super) fn shown(self, provider: &Provider) -> (u32, u32) {
        if provider.maximum == Maximum::Zero { (0, 0) } else { (self.done, self.max) }
    }
}

/// The maximum while this phase runs.
pub(super) fn maximum(provider: &Provider, plan: &Plan, phase: &Phase) -> u32 {
    match provider.maximum {
        Maximum::Growing => phase.total_so_far,
        Maximum::Known | Maximum::Zero => plan.total,
    }
}

/// The text of a report of `step`.
pub(super) fn wording<'a>(provider: &Provider, step: Option<&'a str>) -> Option<&'a str> {
    match provider.text {
        Text::Changing => step,
        Text::Unchanged => step.map(|_| "Synchronizing"),
        Text::Null => None,
    }
}

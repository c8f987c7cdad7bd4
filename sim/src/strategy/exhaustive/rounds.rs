//! Values, faults and drops: settled from outside, one assignment after the other.

use crate::decision::{Kind, Place};
use crate::engine::{ChoicePoint, TaskKey};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The values that places take; elsewhere it is the default.
pub(super) type Assignment = BTreeMap<Place, u32>;

/// The choices of executions under one assignment.
#[derive(Debug, Default)]
pub(super) struct Choices {
    pub(super) assignment: Assignment,
    /// The places that the current execution has asked, with how many values each takes.
    asked: BTreeMap<Place, u32>,
    /// How often each task asked at each site.
    counts: BTreeMap<(Kind, TaskKey, u32), u32>,
    /// How many faults and drops an execution may have.
    budgets: BTreeMap<Kind, u32>,
}

impl Choices {
    pub(super) fn begin(&mut self) {
        self.asked.clear();
        self.counts.clear();
    }

    pub(super) fn answer(&mut self, at: &ChoicePoint) -> u32 {
        let site = at.site.hash();
        let count = self.counts.entry((at.kind, at.key, site)).or_default();
        let place = Place { kind: at.kind, task: at.key, site, ordinal: *count };
        *count += 1;
        self.asked.insert(place, at.arity);
        let budget = self.budgets.entry(at.kind).or_default();
        *budget = at.left.max(*budget);
        self.assignment.get(&place).copied().unwrap_or(0)
    }

    /// Whether the current execution asked every place of its assignment.
    pub(super) fn all_asked(&self) -> bool {
        self.assignment.keys().all(|place| self.asked.contains_key(place))
    }

    /// Plans an assignment for each value of each place that the execution asked and that has the default.
    pub(super) fn plan(&self, plans: &mut Plans) {
        for (place, arity) in &self.asked {
            let taken = self.assignment.keys().filter(|known| known.kind == place.kind).count();
            let budget = self.budgets.get(&place.kind).copied().unwrap_or(0);
            if self.assignment.contains_key(place) || taken as u64 >= u64::from(budget) {
                continue;
            }
            for value in 1..*arity {
                let mut assignment = self.assignment.clone();
                assignment.insert(*place, value);
                plans.add(assignment);
            }
        }
    }
}

/// Assignments still to be run, each planned once.
#[derive(Debug, Default)]
pub(super) struct Plans {
    waiting: VecDeque<Assignment>,
    planned: BTreeSet<Assignment>,
}

impl Plans {
    pub(super) fn add(&mut self, assignment: Assignment) {
        if !self.planned.contains(&assignment) {
            self.planned.insert(assignment.clone());
            self.waiting.push_back(assignment);
        }
    }

    /// Adds those that were planned elsewhere.
    pub(super) fn absorb(&mut self, later: Self) {
        later.waiting.into_iter().for_each(|assignment| self.add(assignment));
    }

    pub(super) fn next(&mut self) -> Option<Assignment> {
        self.waiting.pop_front()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

//! Values, faults and drops: settled from outside, one assignment after the other.
//!
//! Every assignment but the empty one is reached from a smaller one by adding a place, and as a
//! rule there are several ways to it. It is searched on one of them only, and that needs no memory
//! of earlier searches: an assignment has one *parent*, which follows from what happens
//! under it (as in D. Avis, K. Fukuda, "Reverse search for enumeration", Discrete Applied
//! Mathematics 65, 1996). The parent is the assignment without its *last* place: in the first
//! execution that asks all of its places, one that is asked before none of the others, in the order
//! of happening before. Of several such places it is the greatest.
//!
//! The parent leads there. In that execution, all the other places can be asked ahead of the last
//! one, for it happens before none of them; up to the moment when the last is asked, the same
//! happens under the parent; so an execution of the parent asks the last place too, in the same
//! relation to the others, and plans the assignment.

use std::collections::BTreeMap;

use crate::decision::{Kind, Place};
use crate::{ChoicePoint, TaskKey};

/// The values that places take; elsewhere it is the default.
type Values = BTreeMap<Place, u32>;

/// An assignment to be searched.
#[derive(Clone, Debug, Default)]
pub(super) struct Assignment {
    values: Values,
    /// The place that was added to its parent. None in the empty assignment.
    added: Option<Place>,
    /// Whether it is the one that is to search its values, once that is known.
    searched_here: Option<bool>,
}

/// A place that was asked for its value.
#[derive(Clone, Copy, Debug)]
struct AskedPlace {
    /// How many values it takes.
    arity: u32,
    /// The depth of the step that asked.
    step: usize,
    /// How many were asked before it in the execution.
    number: usize,
}

/// The choices of executions under one assignment.
#[derive(Debug, Default)]
pub(super) struct Choices {
    assignment: Assignment,
    /// The places that the current execution has asked.
    asked: BTreeMap<Place, AskedPlace>,
    /// How often each task asked at each site.
    counts: BTreeMap<(Kind, TaskKey, u32), u32>,
    /// How many faults and drops an execution may have.
    budgets: BTreeMap<Kind, u32>,
    /// The places to be added to the values, with how many values each takes.
    wanted: BTreeMap<Place, u32>,
}

impl Choices {
    pub(super) fn take_up(&mut self, assignment: Assignment) {
        self.assignment = assignment;
        self.wanted.clear();
    }

    pub(super) fn begin(&mut self) {
        self.asked.clear();
        self.counts.clear();
    }

    /// Answers in the step at depth `step`.
    pub(super) fn answer(&mut self, at: &ChoicePoint, step: usize) -> u32 {
        let site = at.site.hash();
        let count = self.counts.entry((at.kind, at.key, site)).or_default();
        let place = Place { kind: at.kind, task: at.key, site, ordinal: *count };
        *count += 1;
        let number = self.asked.len();
        self.asked.insert(place, AskedPlace { arity: at.arity, step, number });
        let budget = self.budgets.entry(at.kind).or_default();
        *budget = at.left.max(*budget);
        self.assignment.values.get(&place).copied().unwrap_or(0)
    }

    /// Whether it is the empty assignment, with the default everywhere.
    pub(super) fn is_first(&self) -> bool {
        self.assignment.added.is_none()
    }

    /// Whether it is searched on another way that leads to it.
    pub(super) fn are_of_another(&self) -> bool {
        self.assignment.searched_here == Some(false)
    }

    /// Whether it is known to be searched on this way.
    pub(super) fn are_settled(&self) -> bool {
        self.assignment.searched_here == Some(true)
    }

    /// The assignment, for another part of its search.
    pub(super) fn assignment(&self) -> Assignment {
        self.assignment.clone()
    }

    /// Whether the execution that has come to its end is one of this assignment: it asked for every
    /// place of the assignment, with the value among those to choose from, and this is
    /// the way on which the assignment is searched. `before` tells whether the first of two steps
    /// happens before the second.
    pub(super) fn hold(&mut self, before: impl Fn(usize, usize) -> bool) -> bool {
        let took = |(place, value): (&Place, &u32)| {
            self.asked.get(place).is_some_and(|asked| *value < asked.arity)
        };
        if !self.assignment.values.iter().all(took) {
            return false;
        }
        if self.assignment.searched_here.is_none() {
            let last = self.last(&before).into_iter().map(|(place, _)| *place).max();
            self.assignment.searched_here = Some(last == self.assignment.added);
        }
        self.assignment.searched_here == Some(true)
    }

    /// The places of the assignment that were asked before none of the others.
    fn last(&self, before: impl Fn(usize, usize) -> bool) -> Vec<(&Place, AskedPlace)> {
        let asked: Vec<_> =
            self.assignment.values.keys().map(|place| (place, self.asked[place])).collect();
        let is_last =
            |one: &AskedPlace| !asked.iter().any(|(_, other)| one.is_before(other, &before));
        asked.iter().filter(|(_, one)| is_last(one)).copied().collect()
    }

    /// Notes the places that the execution asked and that have the default, if each is the last of
    /// the assignment that it is to be added to.
    pub(super) fn plan(&mut self, before: impl Fn(usize, usize) -> bool) {
        let last = self.last(&before);
        let mut wanted = Vec::new();
        for (place, asked) in &self.asked {
            let known = self.assignment.values.keys();
            let taken = known.filter(|known| known.kind == place.kind).count();
            let budget = self.budgets.get(&place.kind).copied().unwrap_or(0);
            if self.assignment.values.contains_key(place) || taken as u64 >= u64::from(budget) {
                continue;
            }
            let comes_last = last.iter().all(|(known, other)| {
                other.is_before(asked, &before)
                    || (*known < place && !asked.is_before(other, &before))
            });
            if comes_last {
                wanted.push((*place, asked.arity));
            }
        }
        for (place, arity) in wanted {
            let most = self.wanted.entry(place).or_default();
            *most = arity.max(*most);
        }
    }

    /// The known assignments that follow from this one.
    pub(super) fn planned(&self) -> Plan {
        let wanted = self.wanted.iter().filter(|(_, arity)| **arity > 1);
        let mut places: Vec<_> = wanted.map(|(place, arity)| (*place, *arity)).collect();
        places.reverse();
        let assignments = places.iter().map(|(_, arity)| arity - 1).sum();
        let values = self.assignment.values.clone();
        Plan { values, places, taken: 0, assignments, value: 0 }
    }
}

impl AskedPlace {
    fn is_before(&self, other: &Self, before: impl Fn(usize, usize) -> bool) -> bool {
        if self.step == other.step {
            self.number < other.number
        } else {
            before(self.step, other.step)
        }
    }
}

/// Assignments that follow from one, with one more place each.
#[derive(Debug)]
pub(super) struct Plan {
    values: Values,
    /// The places to be added, the last first.
    places: Vec<(Place, u32)>,
    /// The value that the place in turn took last.
    value: u32,
    taken: u32,
    assignments: u32,
}

impl Plan {
    /// The empty assignment alone.
    pub(super) fn new() -> Self {
        let values = Values::new();
        Self { values, places: Vec::new(), value: 0, taken: 0, assignments: 1 }
    }

    /// Adds what another part of the same search has planned. Nothing has been taken from either.
    pub(super) fn absorb(&mut self, later: Self) {
        for (place, arity) in later.places {
            // The last place comes first.
            match self.places.binary_search_by(|(known, _)| place.cmp(known)) {
                Ok(at) => self.places[at].1 = arity.max(self.places[at].1),
                Err(at) => self.places.insert(at, (place, arity)),
            }
        }
        self.assignments = self.places.iter().map(|(_, arity)| arity - 1).sum();
    }

    /// How many assignments are still to be taken.
    pub(super) fn left(&self) -> u32 {
        self.assignments - self.taken
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left() == 0
    }
}

impl Iterator for Plan {
    type Item = Assignment;

    fn next(&mut self) -> Option<Assignment> {
        if self.is_empty() {
            return None;
        }
        self.taken += 1;
        let mut values = self.values.clone();
        let Some((place, arity)) = self.places.last().copied() else {
            return Some(Assignment { values, added: None, searched_here: None });
        };
        self.value += 1;
        values.insert(place, self.value);
        if self.value + 1 == arity {
            self.places.pop();
            self.value = 0;
        }
        Some(Assignment { values, added: Some(place), searched_here: None })
    }
}

/// The plans of the assignments that lead to the current one: as many as it has places.
#[derive(Debug, Default)]
pub(super) struct Plans(Vec<Plan>);

impl Plans {
    /// Records the plan of the assignment that has ended, and moves on to the next one, depth
    /// first.
    pub(super) fn next(&mut self, plan: Plan) -> Option<Assignment> {
        self.0.push(plan);
        while let Some(plan) = self.0.last_mut() {
            if let Some(assignment) = plan.next() {
                return Some(assignment);
            }
            self.0.pop();
        }
        None
    }

    /// The share of all assignments that is through, and that of the current one with all that
    /// follows from it: each assignment is taken to weigh as much as all that follows from one
    /// of those that it plans.
    pub(super) fn share(&self) -> (f64, f64) {
        let (mut share, mut width) = (0.0, 1.0);
        for plan in &self.0 {
            width /= f64::from(plan.assignments) + 1.0;
            share += width * f64::from(plan.taken);
        }
        (share, width)
    }
}

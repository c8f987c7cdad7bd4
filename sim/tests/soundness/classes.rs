//! Classes of executions, counted from their traces by an independent and slow computation of the
//! happens-before relation.

use std::collections::{BTreeMap, BTreeSet};

use mapi_sync_sim::decision::Kind;
use mapi_sync_sim::engine::{
    ChoicePoint, Chosen, Decision, Effect, Mode, ObjectId, Observer, Segment, Strategy, TaskId,
    TaskKey,
};

/// A step of a trace, kept for the count of classes.
#[derive(Clone, Debug)]
pub(super) struct TraceStep {
    key: TaskKey,
    clock: bool,
    effects: Vec<Effect>,
    choices: Vec<(usize, Chosen)>,
    woken: Vec<TaskKey>,
}

/// A search that keeps each execution's trace.
pub(super) struct Recorder<S> {
    pub(super) search: S,
    pub(super) trace: Vec<TraceStep>,
}

impl<S: Strategy> Recorder<S> {
    pub(super) fn new(search: S) -> Self {
        Self { search, trace: Vec::new() }
    }
}

impl<S: Strategy> Strategy for Recorder<S> {
    fn begin(&mut self, index: u64) -> bool {
        self.trace.clear();
        self.search.begin(index)
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        self.search.pick(at)
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        self.search.choose(at)
    }

    fn end(&mut self) {
        self.search.end();
    }

    fn asks_every_step(&self) -> bool {
        true
    }

    fn observer(&mut self) -> Option<&mut dyn Observer> {
        Some(self)
    }
}

impl<S: Strategy> Observer for Recorder<S> {
    fn abandons(&mut self) -> bool {
        self.search.observer().is_some_and(Observer::abandons)
    }

    fn discards(&mut self) -> bool {
        self.search.observer().is_some_and(Observer::discards)
    }

    fn segment(&mut self, segment: &Segment<'_>) {
        if let Some(observer) = self.search.observer() {
            observer.segment(segment);
        }
        self.trace.push(TraceStep {
            key: segment.key,
            clock: segment.task == TaskId::CLOCK,
            effects: segment.effects.to_vec(),
            choices: departures(segment.choices),
            woken: segment.woken.iter().map(|task| segment.key_of(*task)).collect(),
        });
    }
}

/// The choices of a segment, each with its place among those of its kind. Whether a fault was asked
/// for and did not strike depends on the budget, and makes no difference.
fn departures(choices: &[Chosen]) -> Vec<(usize, Chosen)> {
    let place =
        |at: usize| choices[..at].iter().filter(|chosen| chosen.kind == choices[at].kind).count();
    (0..choices.len())
        .map(|at| (place(at), choices[at]))
        .filter(|(_, chosen)| chosen.value > 0 || chosen.kind == Kind::Choice)
        .collect()
}

/// The objects that a step used, and how.
fn accesses(step: &TraceStep) -> impl Iterator<Item = (ObjectId, Mode)> + '_ {
    step.effects.iter().filter_map(|effect| match effect {
        Effect::Access(object, mode) => Some((*object, *mode)),
        Effect::After(_) => None,
        _ => panic!("the oracle does not know {effect:?}"),
    })
}

/// Each event by its task and number, with its choices and the events that happen before it.
pub(super) type Class =
    BTreeMap<(TaskKey, usize), (Vec<(usize, Chosen)>, BTreeSet<(TaskKey, usize)>)>;

pub(super) fn class(trace: &[TraceStep]) -> Class {
    let conflict = |a: &TraceStep, b: &TraceStep| {
        accesses(a).any(|(object, mode)| {
            accesses(b).any(|(same, theirs)| same == object && mode.conflicts(theirs))
        })
    };
    let mut names = Vec::new();
    let mut counts = BTreeMap::<TaskKey, usize>::new();
    let mut before: Vec<BTreeSet<usize>> = Vec::new();
    for (i, step) in trace.iter().enumerate() {
        let count = counts.entry(step.key).or_default();
        names.push((step.key, *count));
        *count += 1;
        let previous = (0..i).rev().find(|j| trace[*j].key == step.key);
        // The first to wake the task since it last ran.
        let enabler = (previous.map_or(0, |p| p)..i).find(|j| trace[*j].woken.contains(&step.key));
        let mut all = BTreeSet::new();
        for j in 0..i {
            let after = step.effects.contains(&Effect::After(j as u64));
            let direct = trace[j].key == step.key
                || trace[j].clock
                || step.clock
                || after
                || enabler == Some(j)
                || conflict(&trace[j], step);
            if direct {
                all.extend(before[j].iter().copied());
                all.insert(j);
            }
        }
        before.push(all);
    }
    let named = |set: &BTreeSet<usize>| set.iter().map(|j| names[*j]).collect();
    (0..trace.len()).map(|i| (names[i], (trace[i].choices.clone(), named(&before[i])))).collect()
}

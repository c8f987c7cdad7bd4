//! The cause of a defect: one exchange of two steps, or one decision, without which the execution
//! does not show it.
//!
//! Two adjacent steps of a schedule decide if the defect is gone when they are exchanged and the
//! rest keeps its order. Where no two do, a step and several of another task may: all of these must
//! come before it for the defect to go. Zeller and Hildebrandt look for such a minimal difference
//! between two inputs (see [`shrink`](super)), Choi and Zeller between two schedules: "Isolating
//! Failure-Inducing Thread Schedules" (ISSTA 2002). Everything that is claimed was run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::{iter, mem};

use super::{Trial, TrialRun, Witness};
use crate::decision::{Decisions, Departure, Kind, Place};
use crate::lock::lock;
use crate::strategy::Replay;
use crate::{ChoicePoint, Decision, Strategy, TaskId, TaskKey};

/// How many other schedules must all show a defect before it is said to be in every one.
const OTHERS: u64 = 200;

/// In which order decisions are left out: what goes wrong, values, times, switches.
const KINDS: [Kind; 9] = {
    use Kind::{Choice, Drop, DropWaiting, Early, Fault, Late, Run, Spurious, Timer};
    [Fault, Drop, DropWaiting, Spurious, Choice, Early, Late, Timer, Run]
};

/// How many steps of a task are moved together at most.
const MOST: usize = 8;

/// How many other values of a choice are tried at most.
const VALUES: u32 = 16;

/// What decides whether a defect shows.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The step of the first number came before that of the second.
    Order {
        /// The number of the one that came first, from 0.
        first: u64,
        /// The number of the other.
        second: u64,
        /// How many steps of its task, from the second on, are moved together.
        moved: u64,
        /// The execution in which the second comes right after the first.
        together: Decisions,
        /// The execution in which they are exchanged.
        exchanged: Decisions,
    },
    /// One decision.
    Decision {
        /// It. Its value is 0 where the default decides: the defect is gone with another value.
        departure: Departure,
        /// The name of the site, if it was asked at one.
        site: Option<&'static str>,
        /// The task whose decision it is, and, for a switch, the task that it switches to.
        tasks: [Option<TaskId>; 2],
        /// The execution without it, or with another value.
        without: Decisions,
    },
    /// Nothing: other schedules show the defect all the same.
    Nothing {
        /// How many were run.
        others: u64,
    },
}

/// Finds what decides in `witness`. `None` if no single thing does, as far as was tried, or if the
/// budget does not suffice.
///
/// A drop comes first, and a departure that is the only one left, unless it is a switch. Then come
/// the order of two steps, one departure of several, a choice that has its default, and the order
/// of a step and several others.
pub fn explain<T: Trial>(trial: &mut T, witness: &Witness<T::Size>) -> Option<Cause> {
    if trial.all_show(OTHERS) {
        return Some(Cause::Nothing { others: OTHERS });
    }
    let left = witness.decisions.departures();
    let first: &[Kind] = match left {
        [single] if single.place.kind != Kind::Run => &KINDS,
        _ => &[Kind::Drop, Kind::DropWaiting],
    };
    let places = Places::of(&witness.order);
    decision(trial, witness, first)
        .or_else(|| pair(trial, witness, &places, 1))
        .or_else(|| decision(trial, witness, &KINDS))
        .or_else(|| default(trial, witness))
        .or_else(|| (2..=MOST).find_map(|moved| pair(trial, witness, &places, moved)))
}

/// Two steps, the second of which can come right after the first and right before it, where the
/// defect shows in the one case and not in the other. With the second go as many steps of its task
/// as are to be moved together. Those that are closest together come first, then the latest.
fn pair<T: Trial>(
    trial: &mut T,
    witness: &Witness<T::Size>,
    places: &Places,
    moved: usize,
) -> Option<Cause> {
    let order = &witness.order;
    let mut second_best = None;
    // Those of the second steps that can come so far forward, the latest first. What is looked at
    // is run too, so the budget bounds it.
    let mut seconds: Vec<(usize, Vec<usize>)> = (0..order.len())
        .rev()
        .filter_map(|second| Some((second, places.steps_from(second, moved)?)))
        .collect();
    for distance in 1..order.len() {
        seconds.retain(|(second, _)| places.ahead(*second) >= distance);
        if seconds.is_empty() {
            break;
        }
        for (second, moving) in &seconds {
            let first = second - distance;
            let exact = first + 1 + moved;
            let Some(ran) =
                run_exactly(trial, witness, brought_forward(order, moving, first), exact)?
            else {
                continue;
            };
            if ran.shows {
                continue;
            }
            let together = brought_forward(order, moving, first + 1);
            let before = if together == *order {
                witness.decisions.clone()
            } else {
                match run_exactly(trial, witness, together, exact)? {
                    Some(before) if before.shows => before.execution.decisions,
                    _ => continue,
                }
            };
            let cause = Cause::Order {
                first: first as u64,
                second: *second as u64,
                moved: moved as u64,
                together: before,
                exchanged: ran.execution.decisions,
            };
            if ran.holds {
                return Some(cause);
            }
            second_best.get_or_insert(cause);
        }
    }
    second_best
}

/// Where each step's task has its other steps. Time cannot be moved, so nothing moves across it.
struct Places {
    /// For each step, how many steps of others come right before it.
    ahead: Vec<usize>,
    /// For each step, the next one of its task.
    next: Vec<Option<usize>>,
}

impl Places {
    fn of(order: &[TaskKey]) -> Self {
        let mut ahead = Vec::with_capacity(order.len());
        let mut next = vec![None; order.len()];
        // Since the time passed last.
        let mut begin = 0;
        let mut last: BTreeMap<TaskKey, usize> = BTreeMap::new();
        for (place, key) in order.iter().enumerate() {
            if *key == TaskKey::CLOCK {
                begin = place + 1;
                last.clear();
                ahead.push(0);
                continue;
            }
            let before = last.insert(*key, place);
            if let Some(before) = before {
                next[before] = Some(place);
            }
            ahead.push(place - before.map_or(begin, |before| before + 1));
        }
        Self { ahead, next }
    }

    /// How many steps forward this one can come.
    fn ahead(&self, place: usize) -> usize {
        self.ahead[place]
    }

    /// The places of `steps` steps of one task, from this one on. `None` if fewer come before time
    /// passes.
    fn steps_from(&self, from: usize, steps: usize) -> Option<Vec<usize>> {
        let places: Vec<usize> =
            iter::successors(Some(from), |place| self.next[*place]).take(steps).collect();
        (places.len() == steps).then_some(places)
    }
}

/// The order with the steps of these places brought to an earlier place, all others left in
/// theirs.
fn brought_forward(order: &[TaskKey], moving: &[usize], to: usize) -> Vec<TaskKey> {
    let mut order = order.to_vec();
    for (number, from) in moving.iter().enumerate() {
        order[to + number..=*from].rotate_right(1);
    }
    order
}

/// Runs an order. The inner option is `None` if its first `steps` steps could not be taken exactly;
/// the outer one, if the budget does not suffice.
fn run_exactly<T: Trial>(
    trial: &mut T,
    witness: &Witness<T::Size>,
    order: Vec<TaskKey>,
    steps: usize,
) -> Option<Option<TrialRun<T::Size>>> {
    let ran = trial.run_order(order.clone(), &witness.decisions)?;
    let exact = ran.execution.order.get(..steps) == order.get(..steps);
    Some(Some(ran).filter(|_| exact))
}

/// The decision, of one of these kinds, without which the defect goes.
fn decision<T: Trial>(trial: &mut T, witness: &Witness<T::Size>, kinds: &[Kind]) -> Option<Cause> {
    let departures = witness.decisions.departures();
    for kind in kinds.iter().copied() {
        for (place, departure) in departures.iter().enumerate() {
            if departure.place.kind != kind {
                continue;
            }
            let mut without = departures.to_vec();
            without.remove(place);
            let ran = trial.run_decisions(&Decisions::new(without))?;
            if !ran.shows {
                let without = ran.execution.decisions;
                let questions = questions(trial, witness)?;
                let to = TaskKey::from_bits(departure.value);
                let tasks = [
                    trial.task(&witness.order, departure.place.task),
                    (kind == Kind::Run).then(|| trial.task(&witness.order, to)).flatten(),
                ];
                let question = questions.iter().find(|asked| asked.place == departure.place);
                let site = question.map(|asked| asked.name);
                return Some(Cause::Decision { departure: *departure, site, tasks, without });
            }
        }
    }
    None
}

/// The choice that has its default, without which the defect goes: with another value.
fn default<T: Trial>(trial: &mut T, witness: &Witness<T::Size>) -> Option<Cause> {
    let questions = questions(trial, witness)?;
    let is_default = |asked: &&Question| asked.value == 0 && asked.place.kind == Kind::Choice;
    for Question { place, name, arity, .. } in questions.iter().filter(is_default) {
        for value in 1..*arity.min(&VALUES) {
            let mut other = witness.decisions.departures().to_vec();
            other.push(Departure { place: *place, value: value.into() });
            let ran = trial.run_decisions(&Decisions::new(other))?;
            if !ran.shows {
                let without = ran.execution.decisions;
                trial.decisions(&witness.decisions)?;
                return Some(Cause::Decision {
                    departure: Departure { place: *place, value: 0 },
                    site: Some(name),
                    tasks: [trial.task(&witness.order, place.task), None],
                    without,
                });
            }
        }
    }
    None
}

/// A question that an execution asked.
struct Question {
    place: Place,
    name: &'static str,
    arity: u32,
    value: u32,
}

/// Runs the witness, and returns what it asked, switches apart. `None` if the budget does not
/// suffice.
fn questions<T: Trial>(trial: &mut T, witness: &Witness<T::Size>) -> Option<Vec<Question>> {
    let questions = Arc::default();
    let asking = Asking {
        decides: Replay::new(witness.decisions.clone()),
        counts: BTreeMap::new(),
        questions: Arc::clone(&questions),
    };
    trial.run(asking)?;
    let questions = mem::take(&mut *lock(&questions));
    Some(questions)
}

/// Notes what is asked.
struct Asking {
    decides: Replay,
    counts: BTreeMap<(Kind, TaskKey, u32), u32>,
    questions: Arc<Mutex<Vec<Question>>>,
}

impl Strategy for Asking {
    fn begin(&mut self, index: u64) -> bool {
        self.decides.begin(index)
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        self.decides.pick(at)
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        let value = self.decides.choose(at);
        let site = at.site.hash();
        let count = self.counts.entry((at.kind, at.key, site)).or_default();
        let place = Place { kind: at.kind, task: at.key, site, ordinal: *count };
        *count += 1;
        let question = Question { place, name: at.site.name(), arity: at.arity, value };
        lock(&self.questions).push(question);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_of_a_task_are_brought_forward_together() {
        let [a, b, c] = [0, 1, 2].map(|n| TaskKey::MAIN.child(n));
        let order = [a, b, c, b, a, b, TaskKey::CLOCK, b];
        let places = Places::of(&order);
        assert_eq!(places.steps_from(1, 1), Some(vec![1]));
        assert_eq!(places.steps_from(1, 3), Some(vec![1, 3, 5]));
        // Time passes before the fourth.
        assert_eq!(places.steps_from(1, 4), None);
        let moved = brought_forward(&order, &[1, 3, 5], 0);
        assert_eq!(moved, [b, b, b, a, c, a, TaskKey::CLOCK, b]);
    }

    #[test]
    fn no_step_comes_before_another_of_its_task_or_an_earlier_time() {
        let [a, b, c] = [0, 1, 2].map(|n| TaskKey::MAIN.child(n));
        let order = [a, b, c, b, a, TaskKey::CLOCK, c, b];
        let places = Places::of(&order);
        let ahead: Vec<usize> = (0..order.len()).map(|place| places.ahead(place)).collect();
        assert_eq!(ahead, [0, 1, 2, 1, 3, 0, 0, 1]);
    }

    #[test]
    fn steps_in_their_place_stay_there() {
        let [a, b] = [0, 1].map(|n| TaskKey::MAIN.child(n));
        let order = [a, b, a, b];
        assert_eq!(brought_forward(&order, &[1], 1), order);
        assert_eq!(brought_forward(&order, &[1, 3], 1), [a, b, b, a]);
    }
}

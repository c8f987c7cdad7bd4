//! The cause of a defect: one exchange of two steps, or one decision, without which the execution
//! does not show it.
//!
//! Two adjacent steps of a schedule decide if the defect is gone when they are exchanged and the
//! rest keeps its order. Where no two do, a step and several of another task may: all of these must
//! come before it for the defect to go. Zeller and Hildebrandt look for such a minimal difference
//! between two inputs (see [`shrink`](super)), Choi and Zeller between two schedules: "Isolating
//! Failure-Inducing Thread Schedules" (ISSTA 2002). Everything that is claimed was run.

use super::{Trial, TrialRun, Witness};
use crate::decision::{Decisions, Departure, Kind};
use crate::{TaskId, TaskKey};

/// How many other schedules must all show a defect before it is said to be in every one.
const OTHERS: u64 = 200;

/// In which order decisions are left out: what goes wrong, values, times, switches.
const KINDS: [Kind; 9] = {
    use Kind::{Choice, Drop, DropWaiting, Early, Fault, Late, Run, Spurious, Timer};
    [Fault, Drop, DropWaiting, Spurious, Choice, Early, Late, Timer, Run]
};

/// How many steps of a task are moved together at most.
const MOST: usize = 8;

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
        /// It.
        departure: Departure,
        /// The task whose decision it is, and, for a switch, the task that it switches to.
        tasks: [Option<TaskId>; 2],
        /// The execution without it.
        without: Decisions,
    },
    /// Nothing: other schedules show the defect all the same.
    Nothing {
        /// How many were run.
        others: u64,
    },
}

/// Finds what decides in `witness`. `None` if no single thing does, or the
/// budget does not suffice.
pub fn explain<T: Trial>(trial: &mut T, witness: &Witness<T::Size>) -> Option<Cause> {
    if trial.all_show(OTHERS) {
        return Some(Cause::Nothing { others: OTHERS });
    }
    pair(trial, witness, 1)
        .or_else(|| decision(trial, witness))
        .or_else(|| (2..=MOST).find_map(|moved| pair(trial, witness, moved)))
}

/// Two steps, the second of which can come right after the first and right before it, where the
/// defect shows in the one case and not in the other. With the second go as many steps of its task
/// as are to be moved together. Those that are closest together come first, then the latest.
fn pair<T: Trial>(trial: &mut T, witness: &Witness<T::Size>, moved: usize) -> Option<Cause> {
    let order = &witness.order;
    let mut second_best = None;
    for distance in 1..order.len() {
        for first in (0..order.len() - distance).rev() {
            let second = first + distance;
            let task = order[second];
            if task == TaskKey::CLOCK || order[first..second].iter().any(|key| bars(*key, task)) {
                continue;
            }
            let Some(moving) = steps_of(order, second, moved) else { continue };
            let exact = first + 1 + moved;
            let Some(ran) =
                run_exactly(trial, witness, brought_forward(order, &moving, first), exact)?
            else {
                continue;
            };
            if ran.shows {
                continue;
            }
            let together = brought_forward(order, &moving, first + 1);
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
                second: second as u64,
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

/// Whether a step keeps one of `task` from coming before it: time cannot be moved, nor a task's own
/// steps.
fn bars(step: TaskKey, task: TaskKey) -> bool {
    step == task || step == TaskKey::CLOCK
}

/// The places of `steps` steps of one task, from this one on. `None` if fewer come before time
/// passes.
fn steps_of(order: &[TaskKey], from: usize, steps: usize) -> Option<Vec<usize>> {
    let before_time = order[from..].iter().take_while(|key| **key != TaskKey::CLOCK);
    let own = (from..).zip(before_time).filter(|(_, key)| **key == order[from]);
    let places: Vec<usize> = own.map(|(place, _)| place).take(steps).collect();
    (places.len() == steps).then_some(places)
}

/// The order with the steps of these places brought_forward to an earlier place, all others left in
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

/// The decision without which the defect goes. What goes wrong comes before values, and those
/// before switches.
fn decision<T: Trial>(trial: &mut T, witness: &Witness<T::Size>) -> Option<Cause> {
    let departures = witness.decisions.departures();
    for kind in KINDS {
        for (place, departure) in departures.iter().enumerate() {
            if departure.place.kind != kind {
                continue;
            }
            let mut without = departures.to_vec();
            without.remove(place);
            let ran = trial.run_decisions(&Decisions::new(without))?;
            if !ran.shows {
                let without = ran.execution.decisions;
                trial.decisions(&witness.decisions)?;
                let to = TaskKey::from_bits(departure.value);
                let tasks = [
                    trial.task(&witness.order, departure.place.task),
                    (kind == Kind::Run).then(|| trial.task(&witness.order, to)).flatten(),
                ];
                return Some(Cause::Decision { departure: *departure, tasks, without });
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_of_a_task_are_brought_forward_together() {
        let [a, b, c] = [0, 1, 2].map(|n| TaskKey::MAIN.child(n));
        let order = [a, b, c, b, a, b, TaskKey::CLOCK, b];
        assert_eq!(steps_of(&order, 1, 1), Some(vec![1]));
        assert_eq!(steps_of(&order, 1, 3), Some(vec![1, 3, 5]));
        // Time passes before the fourth.
        assert_eq!(steps_of(&order, 1, 4), None);
        let moved = brought_forward(&order, &[1, 3, 5], 0);
        assert_eq!(moved, [b, b, b, a, c, a, TaskKey::CLOCK, b]);
    }

    #[test]
    fn steps_in_their_place_stay_there() {
        let [a, b] = [0, 1].map(|n| TaskKey::MAIN.child(n));
        let order = [a, b, a, b];
        assert_eq!(brought_forward(&order, &[1], 1), order);
        assert_eq!(brought_forward(&order, &[1, 3], 1), [a, b, b, a]);
    }
}

//! What decides: the one exchange of two steps, or the one decision, without which a counterexample
//! is none.
//!
//! Two adjacent steps of a schedule decide if the defect is gone when they are exchanged and all
//! else is left in its order. Where no two do, a step and several of another task may: all of these
//! must come before it for the defect to go. That is what Zeller and Hildebrandt look for between
//! two inputs, a difference that is minimal (see [`shrink`](crate::shrink)), and Choi and Zeller
//! between two schedules: "Isolating Failure-Inducing Thread Schedules" (ISSTA 2002). Nothing is
//! claimed that was not run.

use crate::check::Defect;
use crate::decision::{Decisions, Departure, Kind};
use crate::engine::{TaskId, TaskKey};
use crate::shrink::{Ran, Shown, Trial};
use crate::world::World;

/// How many other schedules must all show a defect before it is said to be in every one.
const OTHERS: u64 = 200;

/// How many steps of a task are moved together at most.
const MOST: usize = 8;

/// What decides whether a defect shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The step of the first number came before that of the second.
    Order {
        first: u64,
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
        departure: Departure,
        /// Whose decision it is, and, for a switch, to whom it switches.
        tasks: [Option<TaskId>; 2],
        /// The execution without it.
        without: Decisions,
    },
    /// Nothing: so many other schedules of the scenario show it all the same.
    Nothing { others: u64 },
}

/// Finds what decides in `shown`, an execution of `world`. `None` if no single thing does, or the
/// budget does not suffice.
pub(crate) fn explain(trial: &mut Trial<'_>, world: &World, shown: &Shown) -> Option<Cause> {
    if trial.all_show(world, OTHERS) {
        return Some(Cause::Nothing { others: OTHERS });
    }
    pair(trial, world, shown, 1)
        .or_else(|| decision(trial, world, shown))
        .or_else(|| (2..=MOST).find_map(|moved| pair(trial, world, shown, moved)))
}

/// Two steps, the second of which can come right after the first and right before it, where the
/// defect shows in the one case and not in the other. With the second go as many steps of its task
/// as are to be moved together. Those that are closest together come first, then the latest.
fn pair(trial: &mut Trial<'_>, world: &World, shown: &Shown, moved: usize) -> Option<Cause> {
    let order = &shown.order;
    let mut second_best = None;
    for distance in 1..order.len() {
        for first in (0..order.len() - distance).rev() {
            let second = first + distance;
            let task = order[second];
            if task == TaskKey::CLOCK || order[first..second].iter().any(|key| bars(*key, task)) {
                continue;
            }
            let Some(block) = block(order, second, moved) else { continue };
            let told = first + 1 + moved;
            let Some(ran) = run_as_told(trial, world, shown, brought(order, &block, first), told)?
            else {
                continue;
            };
            if ran.shows {
                continue;
            }
            let together = brought(order, &block, first + 1);
            let before = if together == *order {
                shown.decisions.clone()
            } else {
                match run_as_told(trial, world, shown, together, told)? {
                    Some(before) if before.shows => before.shown.decisions,
                    _ => continue,
                }
            };
            let cause = Cause::Order {
                first: first as u64,
                second: second as u64,
                moved: moved as u64,
                together: before,
                exchanged: ran.shown.decisions,
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

/// The places of so many steps of one task, from this one on. `None` if there are not so many
/// before time passes.
fn block(order: &[TaskKey], from: usize, steps: usize) -> Option<Vec<usize>> {
    let before_time = order[from..].iter().take_while(|key| **key != TaskKey::CLOCK);
    let own = (from..).zip(before_time).filter(|(_, key)| **key == order[from]);
    let places: Vec<usize> = own.map(|(place, _)| place).take(steps).collect();
    (places.len() == steps).then_some(places)
}

/// The order with the steps of these places brought to an earlier place, all others left in theirs.
fn brought(order: &[TaskKey], block: &[usize], to: usize) -> Vec<TaskKey> {
    let mut order = order.to_vec();
    for (number, from) in block.iter().enumerate() {
        order[to + number..=*from].rotate_right(1);
    }
    order
}

/// Runs an order. Inside is nothing if so many of its first steps could not be taken as they are
/// there; outside, if the budget does not suffice.
fn run_as_told(
    trial: &mut Trial<'_>,
    world: &World,
    shown: &Shown,
    order: Vec<TaskKey>,
    steps: usize,
) -> Option<Option<Ran>> {
    let ran = trial.exchanged(world, order.clone(), &shown.decisions)?;
    let told = ran.shown.order.get(..steps) == order.get(..steps);
    Some(Some(ran).filter(|_| told))
}

/// The decision without which the defect goes. What goes wrong comes before values, and those
/// before switches.
fn decision(trial: &mut Trial<'_>, world: &World, shown: &Shown) -> Option<Cause> {
    let departures = shown.decisions.departures();
    for kind in [Kind::Fault, Kind::Drop, Kind::Spurious, Kind::Choice, Kind::Run] {
        for (place, departure) in departures.iter().enumerate() {
            if departure.place.kind != kind {
                continue;
            }
            let mut without = departures.to_vec();
            without.remove(place);
            let ran = trial.without(world, &Decisions::new(without))?;
            if !ran.shows {
                let without = ran.shown.decisions;
                trial.decisions(world, &shown.decisions)?;
                let to = TaskKey::from_bits(departure.value);
                let tasks = [
                    trial.task(&shown.order, departure.place.task),
                    (kind == Kind::Run).then(|| trial.task(&shown.order, to)).flatten(),
                ];
                return Some(Cause::Decision { departure: *departure, tasks, without });
            }
        }
    }
    None
}

/// Why a counterexample is one, as far as it was found out by running it otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// Two adjacent steps: exchanged, with all else in its order, the defect is gone.
    ///
    /// If others come between them, those can come later, and the defect shows all the same. If
    /// several steps of the second's task are moved together, no fewer do.
    Order {
        /// The one that came first.
        first: DecisiveStep,
        /// The one that came next.
        second: DecisiveStep,
        /// How many steps of the second's task, from it on, are moved together: mostly 1.
        moved: u64,
        /// What was decided in the execution in which they are adjacent: in this one, if nothing
        /// comes between them.
        together: Decisions,
        /// What was decided in the execution in which they are exchanged.
        exchanged: Decisions,
    },
    /// A decision: without it, the defect is gone.
    Decision {
        /// Its sort.
        kind: Kind,
        /// What was decided, in words.
        what: String,
        /// What was decided in the execution without it.
        without: Decisions,
    },
    /// The scenario: so many other schedules of it were run, and every one showed the defect.
    EverySchedule {
        /// How many.
        others: u64,
    },
    /// No exchange of two adjacent steps, none of a step and a few of another task, and no single
    /// decision makes the defect go.
    Several,
}

/// One of two steps that decide.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecisiveStep {
    /// Its number in the execution, from 0.
    pub step: u64,
    /// The task whose step it was.
    pub task: String,
    /// The places of its calls among those of the execution. There may be none.
    pub calls: Vec<usize>,
}

impl Why {
    /// The decisions of the execution that is almost the same, and does not show the defect.
    #[must_use]
    pub fn without(&self) -> Option<&Decisions> {
        match self {
            Self::Order { exchanged, .. } => Some(exchanged),
            Self::Decision { without, .. } => Some(without),
            Self::EverySchedule { .. } | Self::Several => None,
        }
    }
}

/// A decision in words. `name` names tasks.
pub(crate) fn in_words(
    departure: &Departure,
    tasks: [Option<TaskId>; 2],
    name: impl Fn(TaskId) -> String,
) -> String {
    let Departure { place, value } = departure;
    let [of, to] = tasks.map(|task| task.map_or_else(|| "the clock".to_owned(), &name));
    let site = || crate::world::site_name(place.site).unwrap_or("a choice of the provider's");
    match place.kind {
        Kind::Fault => format!("the fault {} strikes `{of}`", site().replace('_', " ")),
        Kind::Drop => format!("`{of}` is dropped at its await point number {}", place.ordinal + 1),
        Kind::Spurious => format!("a task is polled after `{of}` although nothing woke it"),
        Kind::Run => format!("`{to}` goes on when `{of}` has taken {} steps", place.ordinal),
        Kind::Choice => match (site(), value) {
            ("user cancels", _) => "the user cancels".to_owned(),
            ("host shuts down", _) => "the host shuts down".to_owned(),
            ("cancel by", _) => "the cancel reaches the provider by its signal".to_owned(),
            (site, value) => format!("{site}, of `{of}`, takes value number {}", value + 1),
        },
    }
}

/// Whether a defect can be explained: it must be one that an execution shows by itself.
pub(crate) fn can_explain(defect: Defect) -> bool {
    defect != Defect::Nondeterminism
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_of_a_task_are_brought_forward_together() {
        let [a, b, c] = [0, 1, 2].map(|n| TaskKey::MAIN.child(n));
        let order = [a, b, c, b, a, b, TaskKey::CLOCK, b];
        assert_eq!(block(&order, 1, 1), Some(vec![1]));
        assert_eq!(block(&order, 1, 3), Some(vec![1, 3, 5]));
        // Time passes before the fourth.
        assert_eq!(block(&order, 1, 4), None);
        let brought = brought(&order, &[1, 3, 5], 0);
        assert_eq!(brought, [b, b, b, a, c, a, TaskKey::CLOCK, b]);
    }

    #[test]
    fn steps_that_are_in_their_place_stay_there() {
        let [a, b] = [0, 1].map(|n| TaskKey::MAIN.child(n));
        let order = [a, b, a, b];
        assert_eq!(brought(&order, &[1], 1), order);
        assert_eq!(brought(&order, &[1, 3], 1), [a, b, b, a]);
    }
}

//! Making a schedule smaller.

use super::{Trial, Witness};
use crate::TaskKey;
use crate::decision::{Decisions, Departure, Kind};

/// Makes the schedule as small as it gets.
pub fn shrink<T: Trial>(trial: &mut T, best: &mut Witness<T::Size>) {
    while !trial.is_over() {
        let before = best.size;
        join_steps(trial, best);
        leave_out(trial, best);
        lower(trial, best);
        if best.size == before {
            return;
        }
    }
}

/// Leaves out runs of departures, the longest first, until each that is left is needed.
pub fn leave_out<T: Trial>(trial: &mut T, best: &mut Witness<T::Size>) {
    let mut length = best.decisions.len();
    while length > 0 {
        let mut start = 0;
        while start < best.decisions.len() && !trial.is_over() {
            let end = (start + length).min(best.decisions.len());
            let mut fewer = best.decisions.departures().to_vec();
            fewer.drain(start..end);
            if !try_decisions(trial, best, fewer) {
                start = end;
            }
        }
        length = (length / 2).min(best.decisions.len());
    }
}

/// Lowers values, to 1 or by half. A departure's value of 0 would be none at all, unless it is a
/// switch: the clock's key is 0. Switches stay as they are.
fn lower<T: Trial>(trial: &mut T, best: &mut Witness<T::Size>) {
    let mut place = 0;
    while let Some(departure) = best.decisions.departures().get(place)
        && !trial.is_over()
    {
        let value = departure.value;
        let below = if departure.place.kind == Kind::Run { 1 } else { value };
        let _lowered = [1, value / 2, value.saturating_sub(1)]
            .into_iter()
            .filter(|new| (1..below).contains(new))
            .any(|new| {
                let mut lower = best.decisions.departures().to_vec();
                lower[place].value = new;
                try_decisions(trial, best, lower)
            });
        place += 1;
    }
}

/// Joins steps of one task with those that it took before, or with those that it takes next.
fn join_steps<T: Trial>(trial: &mut T, best: &mut Witness<T::Size>) {
    let mut number = 0;
    let mut known = runs(&best.order);
    while !trial.is_over() {
        let (order, runs) = (&best.order, &known);
        let Some((first, end)) = runs.get(number).copied() else { return };
        let key = order[first];
        let before = runs[..number].iter().rev().find(|(first, _)| order[*first] == key);
        let after = runs[number + 1..].iter().find(|(first, _)| order[*first] == key);
        let earlier = before.map(|(_, end_before)| {
            let mut order = order.clone();
            order[*end_before..end].rotate_right(end - first);
            order
        });
        let later = after.map(|(first_after, _)| {
            let mut order = order.clone();
            order[first..*first_after].rotate_left(end - first);
            order
        });
        let joined = earlier.into_iter().chain(later).any(|order| {
            let values = best.decisions.clone();
            let shown = trial.order(order, &values);
            best.accept(shown)
        });
        if joined {
            known = self::runs(&best.order);
        } else {
            number += 1;
        }
    }
}

/// The stretches of steps of one task: first and end of each. The clock has none.
fn runs(order: &[TaskKey]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (place, key) in order.iter().enumerate().filter(|(_, key)| **key != TaskKey::CLOCK) {
        match runs.last_mut() {
            Some((first, end)) if order[*first] == *key => *end = place + 1,
            _ => runs.push((place, place + 1)),
        }
    }
    runs
}

fn try_decisions<T: Trial>(
    trial: &mut T,
    best: &mut Witness<T::Size>,
    departures: Vec<Departure>,
) -> bool {
    let shown = trial.decisions(&Decisions::new(departures));
    best.accept(shown)
}

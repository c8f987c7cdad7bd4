//! Running an execution again to see whether it is under control.

use crate::engine::{Engine, Nondeterminism};
use crate::world::{Observed, SeenCall, World};

/// What is not under control as a rule, and what to write instead.
const UNCONTROLLED: &str = "Something is not under the simulation's control. It may be an unbiased \
    `select!` (write `biased;`, or `select_biased!`), the order of a `HashMap` (use a \
    `BTreeMap`), a clock (use `Runtime::now`), a random number (use a fixed seed), a thread, or \
    state that is kept from one execution to the next (make it with the provider)";

/// The same for a program.
const UNCONTROLLED_IN_PROGRAM: &str = "Something is not under control. It may be an unbiased \
    `select!` (write `biased;`, or `select_biased!`), the order of a `HashMap` (use a \
    `BTreeMap`), a clock (use `engine::now`), a random number (use a fixed seed), a thread, or \
    state that is kept from one execution to the next (make it inside of the program's future)";

/// What is not under control as a rule.
pub(super) const fn uncontrolled(is_of_program: bool) -> &'static str {
    if is_of_program { UNCONTROLLED_IN_PROGRAM } else { UNCONTROLLED }
}

/// How often two runs with the same calls are run again to find calls that differ.
const ATTEMPTS: usize = 8;

/// Runs the last execution again, which showed `observed`, and says how its runs differ: in their
/// calls if they do, else in their steps. The calls of a provider that nobody has seen are compared
/// also where the steps are the same.
pub(super) fn difference(
    world: &World,
    engine: &mut Engine,
    observed: &Observed,
    own_code: bool,
) -> Option<String> {
    let (result, first) = world.repeat_with_log(engine, observed);
    // A program makes no calls.
    if result.is_ok() && (!own_code || world.is_of_program()) {
        return None;
    }
    let (again, second) = world.repeat_with_log(engine, observed);
    let step = result.err().or(again.err()).map(|Nondeterminism { step, .. }| step);
    let mut parted = parting(&first, &second);
    if parted.is_none() {
        let step = step?;
        parted = (0..ATTEMPTS).find_map(|_| {
            let (_, next) = world.repeat_with_log(engine, observed);
            parting(&first, &next)
        });
        if parted.is_none() {
            return Some(parting_step(engine, step, world.is_of_program()));
        }
    }
    parted
}

fn parting_step(engine: &Engine, step: u64, is_of_program: bool) -> String {
    let task = usize::try_from(step).ok().and_then(|step| engine.trace().nth(step));
    let of = task.map(|task| format!(", of task {:?}", engine.task_name(task)));
    let same = if is_of_program { "" } else { "make the same calls, and " };
    format!(
        "run twice under the same decisions, the executions {same}part at step {step}{}",
        of.unwrap_or_default()
    )
}

/// Where the calls of two runs under the same decisions differ first, in words.
pub(super) fn parting(first: &[SeenCall], second: &[SeenCall]) -> Option<String> {
    let differ = |(a, b): (&SeenCall, &SeenCall)| {
        (a.account, &a.name, &a.call) != (b.account, &b.name, &b.call)
    };
    let at = first.iter().zip(second).position(differ);
    let at = at.or((first.len() != second.len()).then(|| first.len().min(second.len())))?;
    let how = match (first.get(at), second.get(at)) {
        (Some(a), Some(b)) => {
            let (one, other) = (in_words(a), in_words(b));
            if one != other {
                format!("{one} in one, and {other} in the other")
            } else {
                let (early, late) = (a.call.at_ms, b.call.at_ms);
                format!("{one} at {early} ms in one, and at {late} ms in the other")
            }
        }
        (Some(seen), None) | (None, Some(seen)) => {
            format!("{} in one, and the other makes no more calls", in_words(seen))
        }
        (None, None) => return None,
    };
    let number = at + 1;
    Some(format!("run twice under the same decisions, the executions part at call {number}: {how}"))
}

fn in_words(seen: &SeenCall) -> String {
    format!("task {:?} has {}", seen.name, seen.call.call)
}

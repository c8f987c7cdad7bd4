//! The reduced search held against the naive one, over random small programs.
//!
//! For each program, the naive search runs every schedule. From its traces the classes are counted
//! here, by an independent and slow computation of the happens-before relation. The reduced search
//! must reach exactly the same final states, and run exactly one execution for each class.

mod classes;
mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;

use classes::{Recorder, class};
use mapi_sync_sim::engine::parallel::Control;
use mapi_sync_sim::engine::{End, Engine};
use mapi_sync_sim::strategy::{
    Certificate, Dfs, Dpor, Findings, Periods, TrackedSharing, explore_split,
};
use program::{Came, Op, Program, program};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed};

/// The executions that are counted, in order, each with a number that tells it from others.
#[derive(Default, PartialEq)]
struct Seen(Vec<(u64, Came)>);

impl Findings for Seen {
    fn append(&mut self, later: Self) {
        self.0.extend(later.0);
    }
}

fn in_parts(program: &Program, jobs: usize, period: u32) -> (Seen, Certificate) {
    let period = NonZero::new(period).unwrap();
    let periods = Periods { free: period, costly: period };
    explore_split(TrackedSharing, jobs, periods, &Control::new(), || {
        |part| {
            let mut engine = Engine::new(program.limits(), part);
            let mut seen = Seen::default();
            while let Some((outcome, result)) = program.execute(&mut engine) {
                if outcome.end != End::Abandoned {
                    seen.0.push((engine.fingerprint(), result));
                }
            }
            seen
        }
    })
}

/// More executions than this make a program too large for the naive search.
const MOST: usize = 200;

fn check(program: &Program) -> Result<(), TestCaseError> {
    let mut engine = Engine::new(program.limits(), Recorder::new(Dfs::new()));
    let mut classes = BTreeSet::new();
    let mut results = BTreeSet::new();
    let mut runs = 0;
    while let Some((outcome, result)) = program.execute(&mut engine) {
        prop_assert!(outcome.panics.is_empty(), "{:?}", outcome.panics);
        runs += 1;
        prop_assume!(runs <= MOST);
        classes.insert(class(&engine.strategy::<Recorder<Dfs>>().unwrap().trace));
        results.insert(result);
    }
    // Split as often as can be, now and then, and not at all.
    for period in [1, 3, 1_000] {
        let one = in_parts(program, 1, period);
        prop_assert!(one.1.complete, "{:?}", one.1);
        let expected = classes.len() as u64;
        prop_assert_eq!(one.1.classes, expected, "split once in {}: {:?}", period, one.1);
        let reached: BTreeSet<_> = one.0.0.iter().map(|(_, result)| result.clone()).collect();
        prop_assert_eq!(&reached, &results, "split once in {}", period);
        let jobs = 2 + period as usize % 2;
        prop_assert!(in_parts(program, jobs, period) == one, "{} jobs, {}", jobs, period);
    }
    {
        let search = Recorder::new(Dpor::new(TrackedSharing));
        let mut engine = Engine::new(program.limits(), search);
        let mut reached = BTreeSet::new();
        let mut seen = BTreeMap::new();
        while let Some((outcome, result)) = program.execute(&mut engine) {
            if outcome.end == End::Abandoned {
                continue;
            }
            reached.insert(result);
            let trace = &engine.strategy::<Recorder<Dpor>>().unwrap().trace;
            if let Some(before) = seen.insert(class(trace), trace.clone()) {
                prop_assert!(false, "one class is run twice:\n{before:#?}\n{trace:#?}");
            }
        }
        let certificate = engine.strategy::<Recorder<Dpor>>().unwrap().search.certificate();
        prop_assert!(certificate.complete, "{:?}", certificate);
        prop_assert_eq!(&reached, &results, "of {} runs: {:?}", runs, certificate);
        prop_assert_eq!(
            certificate.classes,
            classes.len() as u64,
            "of {} runs: {:?}",
            runs,
            certificate
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(if cfg!(windows) { 256 } else { 2_000 }),
        rng_seed: match ProptestConfig::default().rng_seed {
            RngSeed::Random => RngSeed::Fixed(1),
            seed => seed,
        },
        max_global_rejects: u32::MAX,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_reduced_search_finds_all_and_repeats_nothing(program in program()) {
        check(&program)?;
    }
}

/// A task whose end was waited for among other things ends while its parent waits for something
/// else.
#[test]
fn dropped_wait_is_part_of_the_footprint() {
    let ops = vec![Op::Send(0, 0), Op::JoinOrRecv(vec![], 0), Op::SpawnAndJoin(vec![])];
    check(&Program { tasks: vec![(ops, false)], faults: 0, drops: 0 }).unwrap();
}

/// A joiner that was kept after a select is polled again, in a segment that waited for something
/// else before.
#[test]
fn resumed_wait_is_searched_in_each_order() {
    let ops = vec![Op::JoinLater(vec![Op::TrySend(0, 0)], 0, vec![Op::Raise(0)])];
    check(&Program { tasks: vec![(ops, false)], faults: 0, drops: 0 }).unwrap();
}

/// Aborting a task that has children of its own.
#[test]
fn a_task_is_aborted_while_it_waits_for_its_child() {
    let tasks = vec![
        (vec![Op::Abort(1), Op::TryRecv(0)], false),
        (vec![Op::Spawn(vec![]), Op::Oneshot(vec![])], false),
    ];
    let program = Program { tasks, faults: 0, drops: 0 };
    check(&program).unwrap();
}

fn without_faults(tasks: Vec<Vec<Op>>) -> Program {
    let tasks = tasks.into_iter().map(|ops| (ops, false)).collect();
    Program { tasks, faults: 0, drops: 0 }
}

/// The child's end wakes the gatherer, before or after it is polled again: that is found where the
/// gatherer runs first, and is to be run where the other task does. There, what the wait and the
/// reset of the event are to be exchanged for looks as if the gatherer, which sleeps, could stand
/// in for it.
#[test]
fn a_step_stands_in_only_for_what_is_planned_after_it() {
    let program = without_faults(vec![
        vec![Op::Gather(vec![Op::Reset])],
        vec![Op::Oneshot(vec![]), Op::Wait],
    ]);
    check(&program).unwrap();
}

/// What a task does when it is aborted is not what it would have done: its first segment reads what
/// the third task writes, unless it is aborted before.
#[test]
fn aborted_task_skips_its_later_accesses() {
    let program =
        without_faults(vec![vec![Op::WaitOrRecv(0)], vec![Op::Abort(0)], vec![Op::Lock(vec![])]]);
    check(&program).unwrap();
}

/// A task that finds the semaphore free goes on to its end in the same segment, and writes what the
/// third task reads. If it finds it taken, it queues, and the two are independent.
#[test]
fn waiting_task_skips_its_later_accesses() {
    let program = without_faults(vec![
        vec![Op::Acquire(vec![])],
        vec![Op::Acquire(vec![Op::Read(0)])],
        vec![Op::WaitOrRecv(0)],
    ]);
    check(&program).unwrap();
}

/// Of the many that the gatherer waits for, only the event is polled last, after the child's end
/// has woken it. So the wait for the event looks like its only one, and the gatherer could run
/// before the event is set all the same.
#[test]
fn a_wait_that_is_polled_alone_need_not_be_the_only_one() {
    let program = without_faults(vec![vec![Op::Reset, Op::Set], vec![Op::Set, Op::Gather(vec![])]]);
    check(&program).unwrap();
}

/// The second task, unless it is aborted first, aborts the third, which has no second segment then.
/// Where the second task is seen to be aborted, that segment is part of what is planned to follow
/// its step.
#[test]
fn planned_steps_may_never_become_possible() {
    let program = without_faults(vec![
        vec![Op::Abort(1), Op::NotifyOne],
        vec![Op::Abort(2)],
        vec![Op::NotifyOne],
    ]);
    check(&program).unwrap();
}

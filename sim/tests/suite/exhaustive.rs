//! The reduced search against closed forms: as many classes as there are, each run once and without
//! any waste.

use std::collections::BTreeSet;
use std::num::NonZero;

use mapi_sync_sim::engine::parallel::Control;
use mapi_sync_sim::engine::{End, Engine};
use mapi_sync_sim::strategy::{
    Certificate, Dpor, Findings, Periods, TrackedSharing, explore_split,
};

use crate::programs::{PROGRAMS, Program};

fn classes(program: &Program, size: usize) -> u64 {
    let mut engine = Engine::new(program.limits(), Dpor::new(TrackedSharing));
    while let Some(outcome) = engine.execute_boxed(0, (program.of)(size)) {
        assert!(outcome.panics.is_empty(), "{:?}", outcome.panics);
    }
    let certificate = engine.strategy::<Dpor>().unwrap().certificate();
    let name = program.name;
    assert_eq!((certificate.complete, certificate.blocked), (true, 0), "{name}: {certificate:?}");
    certificate.classes
}

#[test]
fn there_are_as_many_classes_as_can_be_counted_on_paper() {
    for program in PROGRAMS {
        for size in (2..6).chain([program.size]) {
            let expected = (program.classes)(size);
            // Of small ones only, so that the whole is done in a few seconds.
            if size == program.size || expected <= 2_000 {
                assert_eq!(classes(program, size), expected, "{}({size})", program.name);
            }
        }
    }
}

#[test]
fn the_examples_are_those_of_the_literature() {
    let example = |name| {
        let program = PROGRAMS.iter().find(|program| program.name == name).unwrap();
        (program.classes)(program.size)
    };
    assert_eq!(example("readers"), 8_192);
    assert_eq!(example("writers"), 40_320);
    assert_eq!(example("lastzero"), 15_360);
    assert_eq!(example("stores of 2"), 252);
    assert_eq!(example("stores of 3"), 1_680);
    assert_eq!(example("senders"), 5_040);
    assert_eq!(example("equal timers"), 5_040);
}

/// Each execution's number, in order.
#[derive(Debug, Default, PartialEq)]
struct Seen(Vec<u64>);

impl Findings for Seen {
    fn append(&mut self, later: Self) {
        self.0.extend(later.0);
    }
}

fn in_parts(program: &Program, size: usize, jobs: usize, periods: Periods) -> (Seen, Certificate) {
    explore_split(TrackedSharing, jobs, periods, &Control::new(), || {
        |part| {
            let mut engine = Engine::new(program.limits(), part);
            let mut seen = Seen::default();
            while let Some(outcome) = engine.execute_boxed(0, (program.of)(size)) {
                if outcome.end != End::Abandoned {
                    seen.0.push(engine.fingerprint());
                }
            }
            seen
        }
    })
}

/// Runs a program on one thread and on several, and returns how many executions were given up.
fn same_for_all_jobs(program: &Program, size: usize, periods: Periods, jobs: &[usize]) -> u64 {
    let name = format!("{}({size})", program.name);
    let expected = (program.classes)(size);
    let one = in_parts(program, size, 1, periods);
    let (seen, certificate) = &one;
    assert!(certificate.complete, "{name}: {certificate:?}");
    assert_eq!(certificate.classes, expected, "{name}: {certificate:?}");
    let all: BTreeSet<_> = seen.0.iter().collect();
    assert_eq!(all.len() as u64, expected, "{name}: no execution is run twice");
    for jobs in jobs {
        assert_eq!(in_parts(program, size, *jobs, periods), one, "{name}, {jobs} jobs");
    }
    certificate.blocked
}

#[test]
fn every_number_of_jobs_runs_the_same_executions() {
    for program in PROGRAMS {
        for size in (2..6).chain([program.size]) {
            if (program.classes)(size) <= 10_000 {
                let blocked = same_for_all_jobs(program, size, Periods::default(), &[2, 3, 8]);
                assert_eq!(blocked, 0, "{}({size})", program.name);
            }
        }
    }
}

#[test]
fn a_search_that_is_split_often_runs_the_same_classes() {
    let seven = NonZero::new(7).unwrap();
    for program in PROGRAMS {
        for size in (2..6).chain([program.size]) {
            if (program.classes)(size) > 2_000 {
                continue;
            }
            let often = Periods { free: seven, costly: seven };
            same_for_all_jobs(program, size, often, &[2, 8]);
            let where_it_is_free = Periods { costly: NonZero::<u32>::MAX, ..often };
            let blocked = same_for_all_jobs(program, size, where_it_is_free, &[2]);
            assert_eq!(blocked, 0, "{}({size})", program.name);
        }
    }
}

#[test]
fn executions_cut_off_by_the_split_are_counted() {
    let program = PROGRAMS.iter().find(|program| program.name == "lastzero").unwrap();
    let blocked = same_for_all_jobs(program, program.size, Periods::default(), &[2]);
    // A third of the 15,360 classes; none when it is run on its own.
    assert_eq!(blocked, 5_120);
}

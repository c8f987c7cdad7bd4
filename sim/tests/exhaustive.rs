//! The reduced search against closed forms: as many classes as there are, each run once and without any waste.

mod programs;

use std::collections::BTreeSet;

use mapi_sync_sim::engine::Engine;
use mapi_sync_sim::engine::parallel::Control;
use mapi_sync_sim::strategy::{Certificate, Findings, Reduced, TrackedSharing, explore};

use self::programs::{PROGRAMS, Program};

fn classes(program: &Program, size: usize) -> u64 {
    let mut engine = Engine::new(program.limits(), Reduced::new(TrackedSharing));
    while let Some(outcome) = engine.execute_boxed(0, (program.of)(size)) {
        assert!(outcome.panics.is_empty(), "{:?}", outcome.panics);
    }
    let certificate = engine.strategy::<Reduced>().unwrap().certificate();
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

fn in_parts(program: &Program, size: usize, jobs: usize) -> (Seen, Certificate) {
    explore(TrackedSharing, jobs, &Control::new(), || {
        |part| {
            let mut engine = Engine::new(program.limits(), part);
            let mut seen = Seen::default();
            while engine.execute_boxed(0, (program.of)(size)).is_some() {
                seen.0.push(engine.fingerprint());
            }
            seen
        }
    })
}

#[test]
fn every_number_of_jobs_runs_the_same_executions() {
    for program in PROGRAMS {
        for size in (2..6).chain([program.size]) {
            let expected = (program.classes)(size);
            if expected > 10_000 {
                continue;
            }
            let one = in_parts(program, size, 1);
            let (seen, certificate) = &one;
            let name = program.name;
            assert!(certificate.complete, "{name}({size}): {certificate:?}");
            assert_eq!((certificate.classes, certificate.blocked), (expected, 0), "{name}({size})");
            let all: BTreeSet<_> = seen.0.iter().collect();
            assert_eq!(all.len() as u64, expected, "{name}({size}): no execution is run twice");
            for jobs in [2, 3, 8] {
                assert_eq!(in_parts(program, size, jobs), one, "{name}({size}), {jobs} jobs");
            }
        }
    }
}

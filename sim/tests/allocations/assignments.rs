//! Values, faults and drops under exhaustive search: every assignment is searched once, in little
//! memory.

use std::future::Future;

use allocation_counter::measure;
use mapi_sync_sim::engine::parallel::Control;
use mapi_sync_sim::engine::sync::Register;
use mapi_sync_sim::engine::{self, Engine, Limits};
use mapi_sync_sim::strategy::{Certificate, Dpor, Findings, TrackedSharing, explore};

fn search<F>(limits: Limits, program: impl Fn() -> F) -> Certificate
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut engine = Engine::new(limits, Dpor::new(TrackedSharing));
    while engine.execute(0, program()).is_some() {}
    let certificate = engine.strategy::<Dpor>().unwrap().certificate();
    assert!(certificate.complete, "{certificate:?}");
    certificate
}

/// How many classes there are, and how many executions were given up or run for another assignment.
fn counts(certificate: &Certificate) -> (u64, u64) {
    (certificate.classes, certificate.blocked)
}

/// One task asks `n` times for one of two values.
async fn choices_of_one(n: usize) {
    for _ in 0..n {
        engine::choose("value", 2);
    }
}

/// Each of `n` tasks asks for one of two values.
async fn choices_of_many(n: usize) {
    for _ in 0..n {
        engine::spawn("asker", async {
            engine::choose("value", 2);
        });
    }
}

#[test]
fn every_assignment_is_searched_once() {
    for n in 0..9 {
        let all = (1 << n, 0);
        assert_eq!(counts(&search(Limits::default(), || choices_of_one(n))), all, "{n}");
        assert_eq!(counts(&search(Limits::default(), || choices_of_many(n))), all, "{n}");
    }
    let three = || async {
        for _ in 0..5 {
            engine::choose("value", 3);
        }
    };
    assert_eq!(counts(&search(Limits::default(), three)), (243, 0));
}

#[test]
fn a_budget_is_that_of_one_execution() {
    let faulty = || async {
        for task in ["left", "right"] {
            engine::spawn(task, async {
                for _ in 0..3 {
                    engine::fault("wire");
                }
            });
        }
    };
    // Of 6 places, as many as there are faults.
    for (faults, expected) in [(0, 1), (1, 7), (2, 22), (3, 42), (6, 64), (9, 64)] {
        let limits = Limits::default().with_faults(faults);
        assert_eq!(counts(&search(limits, faulty)), (expected, 0), "{faults} faults");
    }
}

/// How many values the reader has to choose from follows from what the writers chose, and from the
/// order.
async fn raced() {
    let cell = Register::new("cell", 0);
    for i in [0, 1] {
        let cell = cell.clone();
        engine::spawn("writer", async move { cell.write(engine::choose("value", 2) + i).await });
    }
    engine::spawn("reader", async move {
        let seen = cell.read().await;
        engine::choose("number", 2 + seen);
    });
}

#[test]
fn places_that_some_orders_ask_for_are_searched_in_those() {
    let certificate = search(Limits::default(), raced);
    // For each pair of written values: the reader comes first, with the writers in either order, or
    // it comes later and sees one value in two orders, and the other in two.
    let mut expected = 0;
    for (left, right) in [(0, 1), (0, 2), (1, 1), (1, 2)] {
        expected += 2 * 2 + (2 + left) * 2 + (2 + right) * 2;
    }
    assert_eq!(certificate.classes, expected, "{certificate:?}");
}

#[test]
fn memory_is_that_of_the_depth() {
    let cost = |n: usize| {
        let mut engine = Engine::new(Limits::default(), Dpor::new(TrackedSharing));
        let mut executions = 0;
        let memory = measure(|| {
            while engine.execute(0, choices_of_one(n)).is_some() {
                executions += 1;
            }
        });
        (executions, memory.bytes_max)
    };
    let ((few, small), (many, large)) = (cost(6), cost(12));
    assert_eq!((few, many), (64, 4_096));
    // 64 times as many assignments; twice as many plans, each twice as long.
    assert!(large < 6 * small, "{small} {large}");
}

#[derive(Default, PartialEq, Debug)]
struct Seen(Vec<u64>);

impl Findings for Seen {
    fn append(&mut self, later: Self) {
        self.0.extend(later.0);
    }
}

#[test]
fn every_number_of_jobs_searches_them_in_one_order() {
    let run = |jobs| {
        explore(TrackedSharing, jobs, &Control::new(), || {
            |part| {
                let mut engine = Engine::new(Limits::default(), part);
                let mut seen = Seen::default();
                while let Some(outcome) = engine.execute(0, raced()) {
                    if outcome.end != engine::End::Abandoned {
                        seen.0.push(engine.fingerprint());
                    }
                }
                seen
            }
        })
    };
    let one = run(1);
    assert_eq!(one.0.0.len() as u64, one.1.classes);
    for jobs in [2, 3, 8] {
        assert_eq!(run(jobs), one, "{jobs} jobs");
    }
}

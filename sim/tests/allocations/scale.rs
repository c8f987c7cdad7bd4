//! What an execution costs does not depend on how many there were before, nor on how many tasks
//! stand by.

use allocation_counter::measure;
use mapi_sync_sim::engine::parallel::Control;
use mapi_sync_sim::engine::sync::{Event, Register};
use mapi_sync_sim::engine::{self, Engine, Limits};
use mapi_sync_sim::strategy::{Dpor, Portfolio, Random, TrackedSharing, explore};
use mapi_sync_sim::world::{Folders, World, builtin};

#[test]
fn random_executions_keep_no_memory() {
    let world = World::new(builtin("default").unwrap().clone());
    let mut engine = Engine::new(world.limits(), Portfolio::new(1));
    let mut index = 0;
    let mut run = |executions: u64| {
        measure(|| {
            for _ in 0..executions {
                world.run(&mut engine, index).unwrap();
                index += 1;
            }
        })
    };
    run(100);
    let (few, many) = (run(100), run(1_000));
    // What is kept is room for the longest execution so far.
    assert!(many.bytes_current < 100_000, "{many:?}");
    assert!(many.bytes_max < 2 * few.bytes_max + 100_000, "{few:?} {many:?}");
}

async fn writers(n: usize) {
    let cell = Register::new("cell", 0);
    for i in 0..n {
        let cell = cell.clone();
        engine::spawn("writer", async move { cell.write(i).await });
    }
}

#[test]
fn an_exhaustive_search_keeps_what_the_depth_needs() {
    let mut engine = Engine::new(Limits::default(), Dpor::new(TrackedSharing));
    let mut run = |executions: u64| {
        measure(|| {
            for _ in 0..executions {
                engine.execute(0, writers(7)).unwrap();
            }
        })
    };
    // 5,040 in all: nearly all are run with what a tenth of them needed.
    let few = run(500);
    let many = run(4_500);
    assert!(many.bytes_max < few.bytes_max, "{few:?} {many:?}");
}

#[test]
fn a_search_in_parts_keeps_what_the_depth_needs() {
    let classes = |n: usize| {
        let mut classes = 0;
        let memory = measure(|| {
            let worker = || {
                |part| {
                    let mut engine = Engine::new(Limits::default(), part);
                    while engine.execute(0, writers(n)).is_some() {}
                }
            };
            classes = explore(TrackedSharing, 1, &Control::new(), worker).1.classes;
        });
        (classes, memory.bytes_max)
    };
    let ((few, small), (many, large)) = (classes(5), classes(7));
    assert_eq!((few, many), (120, 5_040));
    // 42 times as many classes, 1.4 times the depth, and each state has 1.4 times the branches.
    assert!(large < 6 * small, "{small} {large}");
}

/// What `yields` segments of two tasks cost while `idle` tasks wait.
fn allocations(idle: usize, yields: usize) -> u64 {
    let program = move || async move {
        let event = Event::new("never");
        for _ in 0..idle {
            let event = event.clone();
            let task = engine::Builder::new("idle").background();
            let _waits = task.spawn(async move { event.wait().await });
        }
        for _ in 0..2 {
            engine::spawn("busy", async move {
                for _ in 0..yields {
                    engine::yield_now().await;
                }
            });
        }
    };
    let mut engine = Engine::new(Limits::default(), Random::new(1));
    // The second time, there is room for everything.
    engine.execute(0, program()).unwrap();
    measure(|| drop(engine.execute(0, program()).unwrap())).count_total
}

#[test]
fn a_step_costs_the_same_however_many_tasks_are_idle() {
    for idle in [0, 100, 10_000] {
        assert_eq!(allocations(idle, 1_000), allocations(idle, 10), "{idle} idle tasks");
    }
}

#[test]
fn a_thousand_accounts_of_ten_folders_are_synchronized() {
    let mut scenario = builtin("tiny-sync").unwrap().clone();
    scenario.accounts[0].folders = Folders::Count(10);
    for n in 1..1_000 {
        let mut account = scenario.accounts[0].clone();
        account.name = format!("Mailbox {n}");
        scenario.accounts.push(account);
    }
    let world = World::new(scenario);
    let mut engine = Engine::new(world.limits(), Random::new(1));
    let observed = world.run(&mut engine, 0).unwrap();
    assert!(observed.is_complete() && observed.holds(), "{:?}", observed.outcome);
    assert_eq!(observed.coverage.done(), 1_000);
}

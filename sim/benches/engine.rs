//! The cost of the engine, beside a bare loop that polls the same boxed futures.
//!
//! `yields_2x10`: two tasks that yield ten times each, under random schedules. The ratio and the
//! rate are printed at the end. So is the time of a step beside 100 and 10,000 tasks that wait,
//! divided by its time beside none.

mod best;
mod in_turn;
mod yields_2x10;

use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use best::best;
use criterion::{Criterion, Throughput};
use mapi_sync_sim::engine::sync::Event;
use mapi_sync_sim::engine::{self, Engine, Limits};
use mapi_sync_sim::strategy::Random;
use yields_2x10::{TASKS, bare, simulated};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("yields_2x10");
    group.throughput(Throughput::Elements(1));
    let mut engine = Engine::new(Limits::default(), Random::new(1));
    let mut index = 0;
    group.bench_function("engine", |b| {
        b.iter(|| {
            index += 1;
            simulated(&mut engine, index)
        });
    });
    group.bench_function("bare_loop", |b| b.iter(bare));
    group.finish();
    criterion.final_summary();

    let mut run = || {
        index += 1;
        simulated(&mut engine, index);
    };
    let [ours, floor] = best(25, 100_000, [&mut run, &mut bare]);
    println!(
        "yields_2x10: engine {:.0} schedules/s, bare loop {:.0}/s, ratio {:.2}",
        1.0 / ours,
        1.0 / floor,
        ours / floor
    );

    let idle = [0, 100, 10_000];
    let steps = idle.map(beside);
    for (idle, step) in idle.into_iter().zip(steps).skip(1) {
        let ratio = step / steps[0];
        println!("step beside {idle} idle tasks, compared with one beside none: ratio {ratio:.2}");
    }
}

/// The time of half a million steps of two tasks beside `idle` tasks that wait, in seconds: the
/// best of ten rounds. Starting the waiting tasks is not counted.
fn beside(idle: usize) -> f64 {
    let limits = Limits::default().with_max_steps(u64::MAX);
    let mut engine = Engine::new(limits, Random::new(1));
    let best = Arc::new(Mutex::new(f64::INFINITY));
    for round in 0..10 {
        let best = Arc::clone(&best);
        let main = async move {
            let event = Event::new("never");
            for _ in 0..idle {
                let event = event.clone();
                let task = engine::Builder::new("idle").background();
                let _waits = task.spawn(async move { event.wait().await });
            }
            // The clock moves when all of them wait.
            engine::sleep(1).await;
            let start = Instant::now();
            let busy = [(); TASKS].map(|()| {
                engine::spawn("busy", async {
                    for _ in 0..250_000 {
                        engine::yield_now().await;
                    }
                })
            });
            for task in busy {
                task.await.expect("no task fails");
            }
            let mut best = best.lock().expect("nobody panics");
            *best = best.min(start.elapsed().as_secs_f64());
        };
        black_box(engine.execute(round, main));
    }
    *best.lock().expect("nobody panics")
}

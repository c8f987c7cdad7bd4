//! The cost of checking a provider against the contract, beside a bare loop that polls the same
//! boxed futures.
//!
//! `provider_4x8`: four folder workers that report eight steps each, and one Done after them, under
//! random schedules:
//!
//! - `through_check`: as a provider in the simulated world, run as `check` runs it. This is what a
//!   user gets.
//! - `monitored`: the engine and the workers alone. Their host calls the contract monitor directly.
//! - `unmonitored`: the same without the monitor.
//!
//! The rates, their ratios to the bare loop, and the steps of an execution are printed at the end.

mod best;
mod in_turn;
mod provider_4x8;

use std::hint::black_box;
use std::sync::Arc;

use best::best;
use criterion::{Criterion, Throughput};
use mapi_sync_sim::engine::{Engine, Limits};
use mapi_sync_sim::strategy::Random;
use provider_4x8::{Checked, Host, bare, monitored, provider};

fn unmonitored(engine: &mut Engine, index: u64) -> u64 {
    let outcome = black_box(engine.execute(index, provider(Arc::new(Host))));
    outcome.expect("the strategy goes on for ever").steps
}

/// One of the ways to run the program: its engine, and its executions so far.
struct Way<F> {
    run: F,
    engine: Engine,
    executions: u64,
    steps: u64,
}

impl<F: FnMut(&mut Engine, u64) -> u64> Way<F> {
    /// `run` runs the execution of a number, and returns its steps.
    fn new(limits: Limits, run: F) -> Self {
        Self { run, engine: Engine::new(limits, Random::new(1)), executions: 0, steps: 0 }
    }

    fn run(&mut self) {
        self.executions += 1;
        self.steps += (self.run)(&mut self.engine, self.executions);
    }

    /// Steps of the average execution.
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    fn mean_steps(&self) -> f64 {
        self.steps as f64 / self.executions as f64
    }
}

fn main() {
    let mut checked = Checked::new();
    let mut checks = Way::new(checked.limits(), |engine, index| checked.run(engine, index));
    let mut with = Way::new(Limits::default(), monitored);
    let mut without = Way::new(Limits::default(), unmonitored);

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("provider_4x8");
    group.throughput(Throughput::Elements(1));
    group.bench_function("through_check", |b| b.iter(|| checks.run()));
    group.bench_function("monitored", |b| b.iter(|| with.run()));
    group.bench_function("unmonitored", |b| b.iter(|| without.run()));
    group.bench_function("bare_loop", |b| b.iter(bare));
    group.finish();
    criterion.final_summary();

    let [check, direct, none, floor] = best(
        15,
        10_000,
        [&mut || checks.run(), &mut || with.run(), &mut || without.run(), &mut bare],
    );
    let steps = [checks.mean_steps(), with.mean_steps(), without.mean_steps()];
    let rows = ["through check", "monitored", "unmonitored"].into_iter();
    for ((row, time), steps) in rows.zip([check, direct, none]).zip(steps) {
        let (rate, ratio) = (1.0 / time, time / floor);
        println!(
            "provider_4x8, {row}: {rate:.0} schedules/s, ratio {ratio:.2}, {steps:.1} steps each"
        );
    }
    println!("provider_4x8, bare loop: {:.0} schedules/s", 1.0 / floor);
}

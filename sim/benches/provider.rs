//! The cost of checking a provider against the contract, beside a bare loop that polls the same
//! boxed futures.
//!
//! `provider_4x8`: four folder workers that report eight steps each, and one Done after them, under
//! random schedules, every call reported to the contract monitor. `unmonitored` is the same without
//! the monitor. The ratios and the rates are printed at the end.

mod best;
mod in_turn;
mod provider_4x8;

use std::hint::black_box;
use std::sync::Arc;

use best::best;
use criterion::{Criterion, Throughput};
use mapi_sync_sim::engine::{Engine, Limits};
use mapi_sync_sim::strategy::Random;
use provider_4x8::{Host, bare, monitored, provider};

fn unmonitored(engine: &mut Engine, index: u64) {
    black_box(engine.execute(index, provider(Arc::new(Host))));
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("provider_4x8");
    group.throughput(Throughput::Elements(1));
    let mut engine = Engine::new(Limits::default(), Random::new(1));
    let mut index = 0;
    group.bench_function("monitored", |b| {
        b.iter(|| {
            index += 1;
            monitored(&mut engine, index)
        });
    });
    group.bench_function("unmonitored", |b| {
        b.iter(|| {
            index += 1;
            unmonitored(&mut engine, index);
        });
    });
    group.bench_function("bare_loop", |b| b.iter(bare));
    group.finish();
    criterion.final_summary();

    let mut other = Engine::new(Limits::default(), Random::new(1));
    let mut with = || {
        index += 1;
        monitored(&mut engine, index);
    };
    let mut number = 0;
    let mut without = || {
        number += 1;
        unmonitored(&mut other, number);
    };
    let [with, without, floor] = best(15, 10_000, [&mut with, &mut without, &mut bare]);
    println!(
        "provider_4x8: monitored {:.0} schedules/s (ratio {:.2}), unmonitored {:.0}/s (ratio {:.2}), bare loop {:.0}/s",
        1.0 / with,
        with / floor,
        1.0 / without,
        without / floor,
        1.0 / floor,
    );
}

//! What it costs to hold a provider against the contract, beside a bare loop that polls the same boxed futures.
//!
//! `provider_4x8`: four folder workers that report eight steps each, and one Done after them, under random schedules,
//! every call told to the contract monitor. `unmonitored` is the same without the monitor. The ratios and the rates are
//! printed at the end.

mod best;
mod provider_4x8;

use best::best;
use criterion::{Criterion, Throughput};
use mapi_sync::contract::{Monitor, MonitorConfig};
use mapi_sync::{HResult, RawEvent, SyncProgressCallback};
use mapi_sync_sim::engine::{self, Engine, Limits};
use mapi_sync_sim::strategy::Random;
use provider_4x8::{FOLDERS, Host, WatchedHost, folder};
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::task::{Context, Poll, Waker};

async fn provider(host: Arc<dyn SyncProgressCallback>) {
    let position = Arc::new(AtomicU32::new(0));
    let folders = [(); FOLDERS]
        .map(|()| engine::spawn("folder", folder(Arc::clone(&host), Arc::clone(&position))));
    for folder in folders {
        folder.await.expect("no folder fails");
    }
    host.done(RawEvent::NULL, HResult::S_OK).await;
}

fn monitored(engine: &mut Engine, index: u64) {
    let monitor = Monitor::local(MonitorConfig::default(), engine::now);
    let host = Arc::new(WatchedHost(monitor.callback_sync()));
    black_box(engine.execute(index, provider(host)));
    assert!(monitor.holds());
}

fn unmonitored(engine: &mut Engine, index: u64) {
    black_box(engine.execute(index, provider(Arc::new(Host))));
}

/// The same futures, boxed anew each time and polled in turn, with a waker that does nothing.
fn bare() {
    let host: Arc<dyn SyncProgressCallback> = Arc::new(Host);
    let position = Arc::new(AtomicU32::new(0));
    let mut folders: [Option<Pin<Box<dyn Future<Output = ()> + Send>>>; FOLDERS] =
        std::array::from_fn(|_| {
            Some(Box::pin(folder(Arc::clone(&host), Arc::clone(&position))) as _)
        });
    let mut cx = Context::from_waker(Waker::noop());
    let mut left = FOLDERS;
    while left > 0 {
        for slot in &mut folders {
            if let Some(folder) = slot
                && let Poll::Ready(()) = black_box(folder.as_mut()).poll(&mut cx)
            {
                *slot = None;
                left -= 1;
            }
        }
    }
    let mut done = host.done(RawEvent::NULL, HResult::S_OK);
    while done.as_mut().poll(&mut cx).is_pending() {}
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
            monitored(&mut engine, index);
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

//! What the contract monitor costs a call.
//!
//! `bare` awaits a boxed future that does nothing, as any callback behind `dyn` costs. `monitored`
//! puts the monitor around it, `local` one for a single thread, `virtual` one in virtual time.
//! `machine` is one Progress and its end, told to the monitor directly.

#[path = "../tests/silent/mod.rs"]
mod silent;

use std::hint::black_box;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use criterion::{Criterion, criterion_group, criterion_main};
use mapi_sync::contract::{Answer, Call, Monitor, MonitorConfig, VirtualClock};
use mapi_sync::{HResult, SyncProgressCallback};
use silent::Silent;

fn call(callback: &dyn SyncProgressCallback, text: &str) {
    let mut call = callback.progress(Some(text), 1, 2);
    let answer = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(black_box(answer), Poll::Ready(HResult::S_OK));
}

fn monitor(c: &mut Criterion) {
    let mut group = c.benchmark_group("progress");
    let bare: Arc<dyn SyncProgressCallback> = Arc::new(Silent);
    group.bench_function("bare", |b| b.iter(|| call(&*bare, black_box("Inbox"))));

    let monitor = Monitor::new(MonitorConfig::default(), || 0);
    let monitored = monitor.watch_callback(Arc::clone(&bare));
    group.bench_function("monitored", |b| b.iter(|| call(&*monitored, black_box("Inbox"))));

    let local =
        Monitor::single_threaded(MonitorConfig::default(), || 0).watch_callback(Arc::clone(&bare));
    group.bench_function("local", |b| b.iter(|| call(&*local, black_box("Inbox"))));

    let virtual_time = Monitor::single_threaded(MonitorConfig::default(), VirtualClock::new());
    let simulated = virtual_time.watch_callback(Arc::clone(&bare));
    group.bench_function("virtual", |b| b.iter(|| call(&*simulated, black_box("Inbox"))));

    let sync = monitor.callback_sync();
    group.bench_function("machine", |b| {
        b.iter(|| {
            let progress =
                Call::Progress { text: Some(black_box("Inbox")), index: 1, index_max: 2 };
            let call = sync.observe(progress).expect("a callback has a number");
            sync.observe(Call::Ended { call, answer: Answer::Returned(HResult::S_OK) });
        });
    });

    let mut odd = false;
    group.bench_function("monitored, text changes", |b| {
        b.iter(|| {
            odd = !odd;
            call(&*monitored, black_box(if odd { "Inbox" } else { "Drafts" }));
        });
    });
    group.finish();
    assert!(monitor.holds());
}

criterion_group!(benches, monitor);
criterion_main!(benches);

//! The reduced search against closed forms, and against the naive one.

use mapi_sync_sim::engine::sync::{Register, unbounded};
use mapi_sync_sim::engine::{self, Engine, Limits};
use mapi_sync_sim::strategy::{Reduced, TrackedSharing};

/// The number of classes, each run once and without any waste.
fn classes<F>(program: impl Fn() -> F) -> u64
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut engine = Engine::new(Limits::default(), Reduced::new(TrackedSharing));
    while let Some(outcome) = engine.execute(0, program()) {
        assert!(outcome.panics.is_empty(), "{:?}", outcome.panics);
    }
    let certificate = engine.strategy::<Reduced>().unwrap().certificate();
    assert_eq!((certificate.complete, certificate.blocked), (true, 0), "{certificate:?}");
    certificate.classes
}

async fn stores(tasks: usize, stores: usize) {
    let cell = Register::new("cell", 0);
    for _ in 0..tasks {
        let cell = cell.clone();
        engine::spawn("storer", async move {
            for i in 0..stores {
                cell.write(i).await;
            }
        });
    }
}

async fn readers(n: usize) {
    let cell = Register::new("cell", 0);
    let written = cell.clone();
    engine::spawn("writer", async move { written.write(1).await });
    for _ in 0..n {
        let cell = cell.clone();
        engine::spawn("reader", async move {
            cell.read().await;
        });
    }
}

/// Each of n tasks writes its place from the one before; the first looks for the last zero from the end.
async fn last_zero(n: usize) {
    let cells: Vec<_> = (0..=n).map(|_| Register::new("cell", 0)).collect();
    let seen = cells.clone();
    engine::spawn("finder", async move {
        let mut i = n;
        while seen[i].read().await != 0 {
            i -= 1;
        }
    });
    for j in 1..=n {
        let (from, to) = (cells[j - 1].clone(), cells[j].clone());
        engine::spawn("raiser", async move {
            let value = from.read().await;
            to.write(value + 1).await;
        });
    }
}

async fn senders(n: usize) {
    let (tx, mut rx) = unbounded("pipe");
    for i in 0..n {
        let tx = tx.clone();
        engine::spawn("sender", async move { tx.send(i).await.unwrap() });
    }
    drop(tx);
    for _ in 0..n {
        rx.recv().await.unwrap();
    }
}

async fn equal_timers(n: usize) {
    let cell = Register::new("cell", 0);
    for i in 0..n {
        let cell = cell.clone();
        engine::spawn("sleeper", async move {
            engine::sleep(10).await;
            cell.set(i);
        });
    }
}

#[test]
fn closed_forms() {
    assert_eq!(classes(|| stores(2, 5)), 252);
    assert_eq!(classes(|| stores(3, 3)), 1680);
    assert_eq!(classes(|| stores(5, 1)), 120);
    assert_eq!(classes(|| readers(8)), 256);
    assert_eq!(classes(|| last_zero(6)), 9 * 16);
    assert_eq!(classes(|| senders(5)), 120);
    assert_eq!(classes(|| equal_timers(5)), 120);
}

/// A task of `awaits` awaits may be dropped at any of them.
#[test]
fn a_drop_at_every_await_point() {
    for awaits in 0..6 {
        let limits = Limits { drops: 1, ..Limits::default() };
        let mut engine = Engine::new(limits, Reduced::new(TrackedSharing));
        let program = || async move {
            engine::spawn_droppable("victim", async move {
                for _ in 0..awaits {
                    engine::yield_now().await;
                }
            });
        };
        while engine.execute(0, program()).is_some() {}
        let certificate = engine.strategy::<Reduced>().unwrap().certificate();
        assert_eq!((certificate.classes, certificate.complete), (awaits + 1, true));
    }
}

#[test]
fn what_does_not_conflict_is_one_class_of_any_size() {
    let lonely = || async {
        for _ in 0..50 {
            engine::spawn("lonely", async {
                let own = Register::new("own", 0);
                for i in 0..20 {
                    own.write(i).await;
                }
                engine::sleep(5).await;
            });
        }
    };
    assert_eq!(classes(lonely), 1);
}

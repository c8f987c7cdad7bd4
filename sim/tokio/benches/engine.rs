//! The cost of a program on the stand-in, beside the same program on the engine's own interface.
//! The two take turns in short runs; the ratio of the best times is printed.

#[path = "../../benches/best/mod.rs"]
mod best;

// The name under which programs know it.
extern crate mapi_sync_tokio as tokio;

use std::sync::Arc;
use std::time::Duration;

use best::best;
use mapi_sync_engine::strategy::Random;
use mapi_sync_engine::sync as ours;
use mapi_sync_engine::{self as engine, End, Engine, Limits};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{self, Instant};

/// Tasks of each program.
const TASKS: usize = 4;
/// How often each does what is measured.
const TIMES: usize = 10;

fn main() {
    compare("spawn", engine_spawn, tokio_spawn);
    compare("mpsc", engine_mpsc, tokio_mpsc);
    compare("Mutex", engine_mutex, tokio_mutex);
    compare("oneshot", engine_oneshot, tokio_oneshot);
    compare("sleep", engine_sleep, tokio_sleep);
    compare("select", engine_select, tokio_select);
}

fn compare<F, G>(name: &str, on_engine: fn() -> F, on_stand_in: fn() -> G)
where
    F: Future<Output = ()> + Send + 'static,
    G: Future<Output = ()> + Send + 'static,
{
    let mut engines = [0, 1].map(|_| Engine::new(Limits::default(), Random::new(1)));
    let [one, other] = &mut engines;
    let mut index = 0;
    let mut on_engine = || {
        index += 1;
        run(one, index, on_engine());
    };
    let mut index = 0;
    let mut on_stand_in = || {
        index += 1;
        run(other, index, on_stand_in());
    };
    let [ours, theirs] = best(40, 2_000, [&mut on_engine, &mut on_stand_in]);
    println!(
        "{name:8} engine {:6.2} us, stand-in {:6.2} us, ratio {:.2}",
        ours * 1e6,
        theirs * 1e6,
        theirs / ours
    );
}

fn run(engine: &mut Engine, index: u64, program: impl Future<Output = ()> + Send + 'static) {
    let outcome = engine.execute(index, program).expect("a random strategy does not end");
    assert_eq!(outcome.end, End::Completed);
}

async fn engine_spawn() {
    for _ in 0..TIMES {
        let tasks = [(); TASKS].map(|()| engine::spawn("task", async {}));
        for task in tasks {
            task.await.unwrap();
        }
    }
}

async fn tokio_spawn() {
    for _ in 0..TIMES {
        let tasks = [(); TASKS].map(|()| tokio::spawn(async {}));
        for task in tasks {
            task.await.unwrap();
        }
    }
}

async fn engine_mpsc() {
    let (sender, mut receiver) = ours::bounded("queue", 2);
    for _ in 0..TASKS {
        let sender = sender.clone();
        engine::spawn("sender", async move {
            for i in 0..TIMES {
                sender.send(i).await.unwrap();
            }
        });
    }
    drop(sender);
    while receiver.recv().await.is_ok() {}
}

async fn tokio_mpsc() {
    let (sender, mut receiver) = mpsc::channel(2);
    for _ in 0..TASKS {
        let sender = sender.clone();
        tokio::spawn(async move {
            for i in 0..TIMES {
                sender.send(i).await.unwrap();
            }
        });
    }
    drop(sender);
    while receiver.recv().await.is_some() {}
}

async fn engine_mutex() {
    let mutex = Arc::new(ours::Mutex::new("counter", 0));
    let tasks = [(); TASKS].map(|()| {
        let mutex = Arc::clone(&mutex);
        engine::spawn("adder", async move {
            for _ in 0..TIMES {
                *mutex.lock().await += 1;
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
}

async fn tokio_mutex() {
    let mutex = Arc::new(Mutex::new(0));
    let tasks = [(); TASKS].map(|()| {
        let mutex = Arc::clone(&mutex);
        tokio::spawn(async move {
            for _ in 0..TIMES {
                *mutex.lock().await += 1;
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
}

async fn engine_oneshot() {
    for i in 0..TIMES {
        let (sender, receiver) = ours::oneshot("answer");
        engine::spawn("answers", async move { sender.send(i).unwrap() });
        assert!(receiver.await.is_ok());
    }
}

async fn tokio_oneshot() {
    for i in 0..TIMES {
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move { sender.send(i).unwrap() });
        assert!(receiver.await.is_ok());
    }
}

async fn engine_sleep() {
    let tasks = [(); TASKS].map(|()| {
        engine::spawn("sleeper", async {
            for _ in 0..TIMES {
                engine::work(3).await;
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
}

async fn tokio_sleep() {
    let tasks = [(); TASKS].map(|()| {
        tokio::spawn(async {
            for _ in 0..TIMES {
                time::sleep(Duration::from_millis(3)).await;
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
}

async fn engine_select() {
    for _ in 0..TIMES {
        // As tokio's macro does, it draws the branch at each poll.
        tokio::macros::real::select! {
            @{ start={ engine::choose("select", BRANCHES) }; () }
            () = engine::yield_now() => {}
            () = engine::sleep(5) => {}
        }
    }
}

async fn tokio_select() {
    for _ in 0..TIMES {
        tokio::select! {
            () = tokio::task::yield_now() => {}
            () = time::sleep_until(Instant::now() + Duration::from_millis(5)) => {}
        }
    }
}

//! tokio 1.4 and futures 0.3.13 beside ours: a sync in production, and checks.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::join;
use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::{check, engine, explore};
use tokio::sync::{Mutex, mpsc};

/// A store that reports once over a channel of tokio.
struct Store;

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            let (fetched, mut next) = mpsc::channel(1);
            let fetch = async {
                session.sleep(Duration::from_millis(1)).await;
                fetched.send(1).await.unwrap();
            };
            let ((), message) = join(fetch, next.recv()).await;
            session.progress(Some("Inbox"), message.unwrap(), 1).await;
            session.done(HResult::S_OK).await
        })
    }
}

#[test]
fn minimal_provider_runs_on_tokio() {
    let run = Command::new(env!("CARGO_BIN_EXE_minimal_provider")).output().unwrap();
    assert!(run.status.success(), "{run:?}");
    let printed = String::from_utf8(run.stdout).unwrap();
    let last: Vec<&str> = printed.lines().rev().take(2).collect();
    assert_eq!(last, ["the contract holds", "done: S_OK"], "{printed}");
}

#[test]
fn provider_holds_under_the_check() {
    check(|| Store).schedules(200).run().assert_holds();
}

#[test]
fn program_of_old_primitives_holds() {
    let report = explore(|| async {
        let count = Arc::new(Mutex::new(0));
        let (done, is_done) = oneshot::channel();
        let of_task = Arc::clone(&count);
        let task = engine::spawn("adder", async move {
            *of_task.lock().await += 1;
            done.send(()).unwrap();
        });
        *count.lock().await += 1;
        is_done.await.unwrap();
        let _ = task.await;
        assert_eq!(*count.lock().await, 2);
    })
    .schedules(500)
    .run();
    report.assert_holds();
}

#[test]
fn lost_update_over_an_old_mutex_is_found() {
    let report = explore(|| async {
        let count = Arc::new(Mutex::new(0));
        let add = |count: Arc<Mutex<u32>>| async move {
            let seen = *count.lock().await;
            engine::yield_now().await;
            *count.lock().await = seen + 1;
        };
        let task = engine::spawn("adder", add(Arc::clone(&count)));
        add(Arc::clone(&count)).await;
        let _ = task.await;
        assert_eq!(*count.lock().await, 2, "an addition is lost");
    })
    .schedules(500)
    .run();
    assert_eq!(report.counterexamples[0].defects[0].id(), "panic");
}

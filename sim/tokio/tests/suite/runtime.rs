//! Runtimes: handles to the execution inside, the real ones outside.

use std::future::pending;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, LocalRuntime, Runtime, RuntimeFlavor};
use tokio::{task, time};

use crate::common::{exhaust, once, outside};

#[test]
fn a_handle_spawns() {
    async fn program() -> u32 {
        let handle = Handle::current();
        let task = {
            let _guard = handle.enter();
            handle.spawn(async { 1 })
        };
        let blocking = Handle::try_current().unwrap().spawn_blocking(|| 2);
        task.await.unwrap() + blocking.await.unwrap()
    }
    assert!(exhaust(program).results.into_keys().eq([3]));
    assert_eq!(outside(program()), 3);
}

#[test]
fn outside_of_both_there_is_no_handle() {
    assert!(Handle::try_current().unwrap_err().is_missing_context());
}

#[test]
fn a_runtime_inside_is_the_execution() {
    async fn program() -> u32 {
        let runtime = Runtime::new().unwrap();
        assert_eq!(runtime.handle().runtime_flavor(), RuntimeFlavor::MultiThread);
        let task = runtime.spawn(async {
            time::sleep(Duration::from_millis(5)).await;
            4
        });
        let ready = runtime.block_on(async {
            task::yield_now().await;
            3
        });
        let ended = task.await.unwrap();
        runtime.shutdown_background();
        ready + ended
    }
    assert!(exhaust(program).results.into_keys().eq([7]));
    let runtime = Runtime::new().unwrap();
    assert_eq!(runtime.block_on(async { runtime.spawn(async { 7 }).await.unwrap() }), 7);
    runtime.shutdown_timeout(Duration::ZERO);
}

#[test]
fn a_local_runtime_has_our_handle_and_is_refused_inside() {
    let runtime = LocalRuntime::new().unwrap();
    let handle: Handle = runtime.handle().clone();
    let ended = runtime.block_on(async {
        runtime.spawn_local(async { 1 }).await.unwrap() + handle.spawn(async { 2 }).await.unwrap()
    });
    assert_eq!(ended, 3);
    runtime.shutdown_background();
    let (outcome, _) = once(1, async { LocalRuntime::new().is_ok() });
    assert!(format!("{outcome:?}").contains("use a task::LocalSet instead"), "{outcome:?}");
}

#[test]
fn block_on_says_why_it_cannot_wait() {
    for future in [true, false] {
        let (outcome, _) = once(1, async move {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            match future {
                true => runtime.block_on(pending::<()>()),
                false => Handle::current().block_on(time::sleep(Duration::from_secs(1))),
            }
        });
        let text = &outcome.panics[0].message;
        assert!(text.contains("block_on is not under control inside an execution"), "{text}");
        assert!(text.contains("async"), "{text}");
    }
}

#[test]
fn a_builder_pauses_the_clock() {
    let (outcome, _) = once(1, async {
        let builder = Builder::new_multi_thread().worker_threads(2).start_paused(true).build();
        assert!(builder.is_ok());
        time::advance(Duration::from_millis(3)).await;
    });
    assert_eq!((outcome.panics, outcome.virtual_ms), (vec![], 3));
}

#[test]
fn blocking_calls_of_primitives_work_where_nothing_blocks() {
    let (outcome, sum) = once(1, async {
        let mutex = tokio::sync::Mutex::new(1);
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        sender.blocking_send(2).unwrap();
        task::spawn_blocking(move || receiver.blocking_recv()).await.unwrap();
        u32::clone(&mutex.blocking_lock()) + 2
    });
    assert_eq!((outcome.panics, sum), (vec![], Some(3)));
}

//! The attribute `#[mapi_sync_sim::test]`.

use std::sync::Arc;
use std::time::Duration;

use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim as renamed;
use mapi_sync_sim::engine;
use mapi_sync_sim::engine::sync::{Mutex, Register};

async fn add(counter: Register<u32>) {
    let seen = counter.read().await;
    counter.write(seen + 1).await;
}

async fn add_locked(counter: Arc<Mutex<u32>>) {
    *counter.lock().await += 1;
}

#[mapi_sync_sim::test]
async fn locked_adders_lose_nothing() {
    let counter = Arc::new(Mutex::new("counter", 0));
    let tasks = [0, 1].map(|_| engine::spawn("adder", add_locked(Arc::clone(&counter))));
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*counter.lock().await, 2);
}

#[mapi_sync_sim::test(schedules = 200, seed = 7, jobs = 1, keep = false)]
#[should_panic(expected = "adders_lose_an_update: 1 defect found")]
async fn adders_lose_an_update() {
    let counter = Register::new("counter", 0);
    let tasks = [0, 1].map(|_| engine::spawn("adder", add(counter.clone())));
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(counter.get(), 2);
}

#[mapi_sync_sim::test(strategy = "exhaustive", tracked_sharing, keep = false)]
#[should_panic(expected = "the program returned the error \"the second comes first\"")]
async fn error_is_a_failure() -> Result<(), String> {
    let order = Register::new("order", 0);
    let second = order.clone();
    let task = engine::spawn("second", async move { second.write(2).await });
    order.write(1).await;
    task.await.map_err(|error| error.to_string())?;
    if order.get() == 2 { Ok(()) } else { Err("the second comes first".to_owned()) }
}

#[mapi_sync_sim::test(cancellations, keep = false)]
#[should_panic(expected = "still busy")]
async fn dropped_worker_stays_busy() {
    let busy = Register::new("busy", false);
    let flag = busy.clone();
    let worker = engine::spawn_droppable("worker", async move {
        flag.write(true).await;
        engine::sleep(5).await;
        flag.write(false).await;
    });
    let _ = worker.await;
    assert!(!busy.get(), "still busy");
}

#[mapi_sync_sim::test(schedules = 20, ends_with_main, max_virtual_ms = 60_000, strict = false)]
async fn ticker_ends_with_the_program() {
    engine::spawn("ticker", async {
        loop {
            engine::sleep(1_000).await;
        }
    });
}

#[mapi_sync_sim::test(schedules = 20, max_steps = 100, keep = false)]
#[should_panic(expected = "livelock: the budget of steps ran out")]
async fn budget_of_steps_is_that_of_the_attribute() {
    for _ in 0..200 {
        engine::sleep(1).await;
    }
}

#[mapi_sync_sim::test(
    late_work = false,
    drops = 0,
    fail_fast = true,
    cancellations = false,
    strict = false
)]
async fn work_is_exact_if_it_is_not_late() {
    let begun = engine::now();
    engine::work(10).await;
    assert_eq!(engine::now() - begun, 10);
}

#[mapi_sync_sim::test(schedules = 10, strict, keep = false)]
#[should_panic(expected = "failed: every execution was the same one")]
async fn strict_test_must_meet_something() {}

#[mapi_sync_sim::test(schedules = 50, crate = "renamed", strict = false)]
async fn crate_may_have_another_name() {
    engine::yield_now().await;
}

#[mapi_sync_sim::test(
    replay = "ms2-DwVrf9FGy-7SYQAAAGlubgVlcnJvcgIAAAAAAAAe8lrWSWABAAABATNAvAEekCH6",
    schedules = 20
)]
async fn stale_token_is_searched_for() {
    engine::spawn("guest", engine::work(5)).await.unwrap();
}

struct Store(HResult);

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let result = self.0;
        request.start(move |session| async move {
            session.progress(Some("Inbox"), 1, 1).await;
            let cancelled = session.cancel().is_requested();
            session.done(if cancelled { HResult::MAPI_E_USER_CANCEL } else { result }).await
        })
    }
}

#[mapi_sync_sim::test(schedules = 300)]
fn provider_is_checked() -> impl MapiSync {
    Store(HResult::S_OK)
}

#[mapi_sync_sim::test(schedules = 300, jobs = 1, keep = false)]
#[should_panic(expected = "cancel-answered")]
fn provider_that_answers_no_cancel_is_found() -> Deaf {
    Deaf
}

struct Deaf;

#[async_trait]
impl MapiSync for Deaf {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            for message in 1..=3 {
                session.sleep(Duration::from_millis(20)).await;
                session.progress(Some("Inbox"), message, 3).await;
            }
            session.done(HResult::S_OK).await
        })
    }
}

#[mapi_sync_sim::test(schedules = 50, goals = ["the second comes first"], strict, keep = false)]
#[should_panic(expected = "no schedule met the goal \"the second comes first\"")]
async fn goal_that_is_not_met_fails_a_strict_test() {
    let order = Register::new("order", 0);
    let second = order.clone();
    let task = engine::spawn("second", async move { second.write(2).await });
    mapi_sync_sim::sometimes!("the second comes first", order.get() == 2);
    order.write(1).await;
    task.await.unwrap();
}

//! `TaskTracker`, `CancellationToken` and `DelayQueue` of tokio-util.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use tokio::select;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::time::DelayQueue;

/// Workers are told to end, and the tracker waits for every one of them.
pub(crate) async fn tracker() {
    let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
    let ended = Arc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        let (ended, token) = (Arc::clone(&ended), token.child_token());
        tracker.spawn(async move {
            select! {
                () = token.cancelled() => {}
                () = sleep(Duration::from_millis(10)) => {}
            }
            ended.fetch_add(1, Ordering::Relaxed);
        });
    }
    let stop = tokio::spawn(async move {
        sleep(Duration::from_millis(10)).await;
        token.cancel();
    });
    tracker.close();
    tracker.wait().await;
    assert_eq!(ended.load(Ordering::Relaxed), 3);
    stop.await.unwrap();
}

/// What is due comes in the order of its time, also after it was moved.
pub(crate) async fn delays() {
    let began = Instant::now();
    let mut queue = DelayQueue::new();
    let moved = queue.insert("moved", Duration::from_millis(5));
    queue.insert("second", Duration::from_millis(10));
    queue.insert("first", Duration::from_millis(3));
    queue.reset(&moved, Duration::from_millis(15));
    let mut seen = Vec::new();
    while let Some(due) = queue.next().await {
        seen.push((due.into_inner(), began.elapsed().as_millis()));
    }
    let names: Vec<&str> = seen.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["first", "second", "moved"]);
    assert!(seen.iter().zip([3, 10, 15]).all(|((_, at), due)| *at >= due), "{seen:?}");
}

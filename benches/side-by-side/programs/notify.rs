//! A waiter looks at a flag, and registers for the news a moment too late.

use std::sync::Arc;

use tokio::sync::{Mutex, Notify};
use tokio::task::yield_now;

pub(crate) async fn program() {
    let (flag, news) = (Arc::new(Mutex::new(false)), Arc::new(Notify::new()));
    let (of_waiter, of_news) = (Arc::clone(&flag), Arc::clone(&news));
    let waiter = tokio::spawn(async move {
        let is_set = *of_waiter.lock().await;
        yield_now().await;
        if !is_set {
            of_news.notified().await;
        }
    });
    yield_now().await;
    yield_now().await;
    *flag.lock().await = true;
    news.notify_waiters();
    waiter.await.unwrap();
}

//! A worker takes the connection out of its place for 5 ms. Who aborts it meanwhile loses it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::sleep;

pub(crate) async fn program() {
    let place = Arc::new(Mutex::new(Some("connection")));
    let of_worker = Arc::clone(&place);
    let worker = tokio::spawn(async move {
        let connection = of_worker.lock().await.take();
        sleep(Duration::from_millis(5)).await;
        *of_worker.lock().await = connection;
    });
    sleep(Duration::from_millis(5)).await;
    worker.abort();
    let _ = worker.await;
    assert!(place.lock().await.is_some(), "the connection is lost");
}

//! A reply needs two steps of 5 ms, and the client waits for 10 ms. Both may be due at once.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

pub(crate) async fn program() {
    let (reply, replied) = oneshot::channel();
    let server = tokio::spawn(async move {
        sleep(Duration::from_millis(5)).await;
        sleep(Duration::from_millis(5)).await;
        let _ = reply.send(7);
    });
    let answer = timeout(Duration::from_millis(10), replied).await;
    assert!(answer.is_ok(), "the reply was just in time");
    server.await.unwrap();
}

//! A heart that beats every 10 ms, and a watch that waits for 15 ms at most. This one is right.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{interval, timeout};

pub(crate) async fn program() {
    let (beat, mut beats) = mpsc::channel(1);
    let heart = tokio::spawn(async move {
        let mut every = interval(Duration::from_millis(10));
        for n in 0..4 {
            every.tick().await;
            beat.send(n).await.unwrap();
        }
    });
    for n in 0..4 {
        let seen = timeout(Duration::from_millis(15), beats.recv()).await;
        assert_eq!(seen.ok().flatten(), Some(n));
    }
    heart.await.unwrap();
}

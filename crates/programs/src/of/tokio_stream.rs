//! `StreamMap` and `chunks_timeout` of tokio-stream.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{StreamExt, StreamMap};

/// Two senders, and a map of their streams: nothing is lost, and each one's order stays.
pub(crate) async fn map() {
    let mut streams = StreamMap::new();
    for key in 0..2 {
        let (sender, receiver) = mpsc::channel(1);
        streams.insert(key, ReceiverStream::new(receiver));
        tokio::spawn(async move {
            for n in 0..3 {
                sender.send(n).await.unwrap();
            }
        });
    }
    let mut seen = [Vec::new(), Vec::new()];
    while let Some((key, n)) = streams.next().await {
        seen[key].push(n);
    }
    assert_eq!(seen, [[0, 1, 2], [0, 1, 2]]);
}

/// Chunks of at most two, or of what came within 10 ms: no element is lost.
pub(crate) async fn chunks() {
    let (sender, receiver) = mpsc::channel(4);
    let task = tokio::spawn(async move {
        for n in 0..3 {
            sleep(Duration::from_millis(5)).await;
            sender.send(n).await.unwrap();
        }
    });
    let chunks = ReceiverStream::new(receiver).chunks_timeout(2, Duration::from_millis(10));
    tokio::pin!(chunks);
    let mut seen = Vec::new();
    while let Some(chunk) = chunks.next().await {
        assert!((1..=2).contains(&chunk.len()));
        seen.extend(chunk);
    }
    assert_eq!(seen, [0, 1, 2]);
    task.await.unwrap();
}

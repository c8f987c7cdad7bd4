//! A producer has a permit, and gives it back by `release` when it has nothing to send. The
//! consumer has closed the channel and waits for the permits that are out. The buggy `release`
//! does not wake it.

use bugs::spawn;
use tokio::sync::{mpsc, oneshot};

pub async fn program() {
    let (sender, mut receiver) = mpsc::channel::<u32>(1);
    let (goodbye, done) = oneshot::channel::<()>();
    let producer = spawn("producer", async move {
        if let Ok(permit) = sender.reserve_owned().await {
            bugs::yield_now().await;
            let sender = permit.release();
            // The producer keeps its sender until the consumer is done.
            let _ = done.await;
            drop(sender);
        }
    });
    let consumer = spawn("consumer", async move {
        receiver.close();
        assert_eq!(receiver.recv().await, None);
        let _ = goodbye.send(());
    });
    producer.await.unwrap();
    consumer.await.unwrap();
}

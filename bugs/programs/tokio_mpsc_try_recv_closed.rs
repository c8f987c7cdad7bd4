//! A consumer closes its channel and drains it by `try_recv`, until that says `Disconnected`. The
//! buggy channel says `Empty` for as long as a sender lives, and the consumer never ends.

use bugs::spawn;
use tokio::sync::mpsc::{self, error::TryRecvError};
use tokio::sync::oneshot;

pub async fn program() {
    let (sender, mut receiver) = mpsc::channel::<u32>(4);
    let (goodbye, done) = oneshot::channel::<()>();
    let producer = spawn("producer", async move {
        let _ = sender.send(1).await;
        // The producer keeps its sender until the consumer is done.
        let _ = done.await;
        drop(sender);
    });
    let consumer = spawn("consumer", async move {
        receiver.close();
        while receiver.try_recv() != Err(TryRecvError::Disconnected) {
            bugs::yield_now().await;
        }
        let _ = goodbye.send(());
    });
    producer.await.unwrap();
    consumer.await.unwrap();
}

//! A consumer closes its channel and drains it by `try_recv`. When all has been read, and nobody
//! can send, that must say `Disconnected`. The buggy channel says `Empty` while a sender lives.

use bugs::spawn;
use tokio::sync::mpsc::{self, error::TryRecvError};

pub async fn program() {
    let (sender, mut receiver) = mpsc::channel::<u32>(4);
    let producer = spawn("producer", async move {
        let _ = sender.send(1).await;
        bugs::yield_now().await;
    });
    let consumer = spawn("consumer", async move {
        receiver.close();
        while let next = receiver.try_recv()
            && next != Err(TryRecvError::Disconnected)
        {
            assert_eq!(next, Ok(1));
        }
    });
    producer.await.unwrap();
    consumer.await.unwrap();
}

//! A subscriber hands out a second one by `resubscribe`. If the last sender goes before that, the
//! buggy channel does not tell the second one that it is closed, and it waits for ever.

use bugs::spawn;
use tokio::sync::broadcast;

pub async fn program() {
    let (sender, first) = broadcast::channel::<u32>(4);
    let consumer = spawn("consumer", async move {
        let mut second = first.resubscribe();
        while second.recv().await.is_ok() {}
    });
    let producer = spawn("producer", async move {
        sender.send(1).unwrap();
        bugs::yield_now().await;
    });
    producer.await.unwrap();
    consumer.await.unwrap();
}

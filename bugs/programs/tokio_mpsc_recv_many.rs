//! A consumer gathers what comes into one buffer by `recv_many`, and closes the channel after the
//! first message. If a sender is still there at the end, the buggy `recv_many` panics, because the
//! buffer is not empty.

use bugs::spawn;
use tokio::sync::{mpsc, oneshot};

pub async fn program() {
    let (sender, mut receiver) = mpsc::channel::<u32>(4);
    let (stop, stopped) = oneshot::channel::<()>();
    let stopper = spawn("stopper", async move {
        let _ = stop.send(());
    });
    let producer = spawn("producer", async move {
        let _ = sender.send(1).await;
        let _ = sender.send(2).await;
        let _ = stopped.await;
    });
    let consumer = spawn("consumer", async move {
        let mut batch = Vec::new();
        receiver.recv_many(&mut batch, 8).await;
        receiver.close();
        while receiver.recv_many(&mut batch, 8).await > 0 {}
        assert_eq!(batch.first(), Some(&1));
    });
    for task in [stopper, producer, consumer] {
        task.await.unwrap();
    }
}

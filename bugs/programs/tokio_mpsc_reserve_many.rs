//! A producer waits for two places at once, and has one of them. Then it changes its mind: the wait
//! is dropped, and its place goes back. The consumer has closed the channel and waits for the
//! places that are out, but the buggy channel does not wake it.

use std::pin::pin;

use bugs::spawn;
use futures_util::future::select;
use tokio::sync::{mpsc, oneshot};

pub async fn program() {
    let (sender, mut receiver) = mpsc::channel::<u32>(2);
    let (goodbye, done) = oneshot::channel::<()>();
    let (stop, stopped) = oneshot::channel::<()>();
    sender.send(1).await.unwrap();

    let stopper = spawn("stopper", async move {
        let _ = stop.send(());
    });
    let producer = spawn("producer", async move {
        {
            let places = pin!(sender.reserve_many(2));
            let _ = select(stopped, places).await;
        }
        // The producer keeps its sender until the consumer is done.
        let _ = done.await;
        drop(sender);
    });
    let consumer = spawn("consumer", async move {
        receiver.close();
        assert_eq!(receiver.recv().await, Some(1));
        assert_eq!(receiver.recv().await, None);
        let _ = goodbye.send(());
    });
    for task in [stopper, producer, consumer] {
        task.await.unwrap();
    }
}

//! Two workers take messages from one channel. The first one keeps its wait for the next message
//! while it does something else, for which the second one has to get a message of its own. The
//! buggy channel wakes only one of the two for two messages, and it is the one that does not look.

use std::pin::pin;

use bugs::spawn;
use futures_util::future::{Either, select};
use tokio::sync::oneshot;

pub async fn program() {
    let (sender, receiver) = async_channel::unbounded::<u32>();
    let (order, ordered) = oneshot::channel::<()>();
    let (answer, answered) = oneshot::channel::<()>();

    let first = {
        let receiver = receiver.clone();
        spawn("first", async move {
            let mut next = pin!(receiver.recv());
            if let Either::Left(_) = select(ordered, &mut next).await {
                // The wait for a message stays, but nobody looks at it.
                let _ = answered.await;
                let _ = next.await;
            }
        })
    };
    let second = {
        let receiver = receiver.clone();
        spawn("second", async move {
            let _ = receiver.recv().await;
            let _ = answer.send(());
        })
    };
    let producer = {
        let sender = sender.clone();
        spawn("producer", async move {
            sender.try_send(1).unwrap();
            sender.try_send(2).unwrap();
        })
    };
    let manager = spawn("manager", async move {
        let _ = order.send(());
    });
    for task in [first, second, producer, manager] {
        task.await.unwrap();
    }
    // The end of the channel would wake everybody.
    drop((sender, receiver));
}

//! A consumer closes its channel and drains it by `try_recv`, until that says `Disconnected`. A
//! producer with a permit may still send, and its message must arrive. The buggy channel says
//! `Disconnected` all the same, and the message is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bugs::spawn;
use tokio::sync::mpsc::{self, error::TryRecvError};

pub async fn program() {
    let (sender, mut receiver) = mpsc::channel::<u32>(1);
    let sent = Arc::new(AtomicU32::new(0));
    let producer = {
        let sent = Arc::clone(&sent);
        spawn("producer", async move {
            if let Ok(permit) = sender.reserve().await {
                bugs::yield_now().await;
                permit.send(7);
                sent.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let consumer = spawn("consumer", async move {
        let mut received = 0;
        receiver.close();
        loop {
            match receiver.try_recv() {
                Ok(_) => received += 1,
                Err(TryRecvError::Empty) => bugs::yield_now().await,
                Err(TryRecvError::Disconnected) => return received,
            }
        }
    });
    producer.await.unwrap();
    let received: u32 = consumer.await.unwrap();
    assert_eq!(received, sent.load(Ordering::Relaxed), "messages received of those sent");
}

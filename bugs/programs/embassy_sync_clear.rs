//! A producer waits for room in a full channel. The consumer clears the channel, but the buggy
//! `clear` does not wake the producer: both wait for ever.

use std::sync::Arc;

use bugs::spawn;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::channel::Channel;

pub async fn program() {
    let channel = Arc::new(Channel::<CriticalSectionRawMutex, u32, 1>::new());
    let consumer = {
        let channel = Arc::clone(&channel);
        spawn("consumer", async move {
            // What came so far is old.
            channel.clear();
            channel.receive().await;
        })
    };
    let producer = spawn("producer", async move {
        channel.send(1).await;
        channel.send(2).await;
    });
    consumer.await.unwrap();
    producer.await.unwrap();
}

//! The channel keeps messages in blocks of 32. While the consumer stands at the end of a block, the
//! buggy `is_empty` looks into the block behind it, and sees the message that was read there.

use bugs::spawn;
use tokio::sync::mpsc;

/// As many as fill one block.
const BLOCK: u32 = 32;

pub async fn program() {
    let (sender, mut receiver) = mpsc::channel::<u32>(64);
    let producer = spawn("producer", async move {
        for number in 0..BLOCK {
            sender.send(number).await.unwrap();
        }
        bugs::yield_now().await;
        sender.send(BLOCK).await.unwrap();
    });
    let consumer = spawn("consumer", async move {
        let mut read = 0;
        while read <= BLOCK {
            let empty = receiver.is_empty();
            let next = receiver.try_recv();
            // Nothing ran between the two.
            assert_eq!(empty, next.is_err(), "is_empty() after {read} messages");
            match next {
                Ok(number) => assert_eq!(number, read),
                Err(_) => assert_eq!(receiver.recv().await, Some(read)),
            }
            read += 1;
            bugs::yield_now().await;
        }
    });
    producer.await.unwrap();
    consumer.await.unwrap();
}

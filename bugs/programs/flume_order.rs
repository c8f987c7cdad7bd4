//! A consumer has something else to do beside receiving, so it is polled more often than it is
//! woken by the channel. The buggy channel puts it into its queue of waiters each time, and sends
//! a message for a waiter to the front of the queue: two messages change places.

use bugs::spawn;
use futures_util::future::join;

pub async fn program() {
    let (sender, receiver) = flume::bounded::<u32>(4);
    let producer = spawn("producer", async move {
        for number in 0..4 {
            sender.send_async(number).await.unwrap();
            bugs::yield_now().await;
        }
    });
    let consumer = spawn("consumer", async move {
        let receive = async {
            let mut expected = 0;
            while let Ok(number) = receiver.recv_async().await {
                assert_eq!(number, expected, "out of order");
                expected += 1;
            }
        };
        let other = async {
            for _ in 0..4 {
                bugs::yield_now().await;
            }
        };
        join(receive, other).await;
    });
    producer.await.unwrap();
    consumer.await.unwrap();
}

//! A subscriber of a short channel does not expect to lag behind.

use tokio::sync::broadcast;
use tokio::task::yield_now;

pub(crate) async fn program() {
    let (sender, mut receiver) = broadcast::channel(2);
    let subscriber = tokio::spawn(async move {
        for n in 0..3 {
            assert_eq!(receiver.recv().await, Ok(n));
        }
    });
    for n in 0..3 {
        sender.send(n).unwrap();
        yield_now().await;
    }
    subscriber.await.unwrap();
}

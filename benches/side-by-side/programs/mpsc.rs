//! Two senders never wait: who finds the queue full drops the message.

use tokio::sync::mpsc;
use tokio::task::yield_now;

pub(crate) async fn program() {
    let (sender, mut numbers) = mpsc::channel(2);
    for n in 0..2 {
        let sender = sender.clone();
        tokio::spawn(async move {
            for _ in 0..2 {
                let _ = sender.try_send(n);
                yield_now().await;
            }
        });
    }
    drop(sender);
    let mut seen = 0;
    while numbers.recv().await.is_some() {
        seen += 1;
    }
    assert_eq!(seen, 4, "a message is lost");
}

//! A subscriber counts the changes of a value. It sees the last one only.

use tokio::sync::watch;
use tokio::task::yield_now;

pub(crate) async fn program() {
    let (sender, mut receiver) = watch::channel(0);
    let subscriber = tokio::spawn(async move {
        let mut changes = 0;
        while receiver.changed().await.is_ok() {
            changes += 1;
        }
        changes
    });
    for n in 1..=2 {
        sender.send(n).unwrap();
        yield_now().await;
        yield_now().await;
    }
    drop(sender);
    assert_eq!(subscriber.await.unwrap(), 2, "a change is lost");
}

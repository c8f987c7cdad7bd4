//! A watcher asks for the next broadcast, then does something else first. The broadcast comes, and
//! after it a permit for a worker. When the watcher looks at last, the buggy `Notified` takes the
//! permit, although the broadcast alone has ended its wait: the worker waits for ever.

use std::sync::Arc;

use bugs::spawn;
use tokio::sync::Notify;

pub async fn program() {
    let notify = Arc::new(Notify::new());
    // Counts from here: a broadcast that comes before the first poll ends this wait.
    let broadcast = Arc::clone(&notify).notified_owned();

    let watcher = spawn("watcher", async move {
        bugs::yield_now().await;
        broadcast.await;
    });
    let announcer = {
        let notify = Arc::clone(&notify);
        spawn("announcer", async move {
            notify.notify_waiters();
            bugs::yield_now().await;
            notify.notify_one();
        })
    };
    watcher.await.unwrap();
    announcer.await.unwrap();
    let worker = spawn("worker", async move { notify.notified().await });
    worker.await.unwrap();
}

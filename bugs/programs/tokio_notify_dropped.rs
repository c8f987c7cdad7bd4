//! A listener waits for a change or for the order to stop. `notify_waiters` wakes it, then
//! `notify_one` leaves a permit, and the order to stop wins: the listener drops its wait. The
//! buggy drop throws the permit away, and the worker that it was meant for waits for ever.

use std::pin::pin;
use std::sync::Arc;

use bugs::spawn;
use futures_util::future::{Either, select};
use tokio::sync::{Notify, oneshot};

pub async fn program() {
    let notify = Arc::new(Notify::new());
    let (stop, stopped) = oneshot::channel::<()>();

    let listener = {
        let notify = Arc::clone(&notify);
        spawn("listener", async move {
            let stopped = {
                let change = pin!(notify.notified());
                // `select` asks the order to stop first.
                matches!(select(stopped, change).await, Either::Left(_))
            };
            if stopped {
                // The listener took no notification, so the permit is still to be had.
                notify.notified().await;
            }
        })
    };
    let announcer = {
        let notify = Arc::clone(&notify);
        spawn("announcer", async move {
            notify.notify_waiters();
            bugs::yield_now().await;
            notify.notify_one();
        })
    };
    let stopper = spawn("stopper", async move {
        let _ = stop.send(());
    });

    for task in [listener, announcer, stopper] {
        task.await.unwrap();
    }
}

//! A server looks at its cancellation once, then puts it among its other futures, where another
//! waker polls it. The buggy token keeps the first waker, and the server never learns that it is
//! cancelled.

use std::pin::pin;

use bugs::spawn;
use futures_util::future::{FutureExt, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

pub async fn program() {
    let token = CancellationToken::new();
    let (start, started) = oneshot::channel::<()>();
    let canceller = {
        let token = token.clone();
        spawn("canceller", async move { token.cancel() })
    };
    let server = spawn("server", async move {
        let mut cancelled = Box::pin(token.cancelled());
        let _ = select(&mut cancelled, pin!(started)).await;
        if !token.is_cancelled() {
            let mut work: FuturesUnordered<_> = [cancelled.boxed()].into_iter().collect();
            work.next().await;
        }
    });
    let starter = spawn("starter", async move {
        let _ = start.send(());
    });
    for task in [canceller, server, starter] {
        task.await.unwrap();
    }
}

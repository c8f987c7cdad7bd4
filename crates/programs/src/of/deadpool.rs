//! The pool deadpool.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Manager, Metrics, Pool, RecycleResult};
use mapi_sync_sim::engine;
use tokio::time::sleep;

struct Connections;

impl Manager for Connections {
    type Type = ();
    type Error = ();

    async fn create(&self) -> Result<(), ()> {
        sleep(Duration::from_millis(1)).await;
        Ok(())
    }

    async fn recycle(&self, (): &mut (), _: &Metrics) -> RecycleResult<()> {
        Ok(())
    }
}

fn pool(size: usize) -> Pool<Connections> {
    let pool = Pool::builder(Connections).max_size(size).runtime(Runtime::Tokio1);
    pool.wait_timeout(Some(Duration::from_secs(1))).build().unwrap()
}

/// Two users take turns with one connection, and there is never more than one.
pub(crate) async fn users() {
    let pool = pool(1);
    let out = Arc::new(AtomicUsize::new(0));
    let users = [(), ()].map(|()| {
        let (pool, out) = (pool.clone(), Arc::clone(&out));
        tokio::spawn(async move {
            let connection = pool.get().await.unwrap();
            assert_eq!(out.fetch_add(1, Ordering::Relaxed), 0, "two have the connection");
            sleep(Duration::from_millis(5)).await;
            out.fetch_sub(1, Ordering::Relaxed);
            drop(connection);
        })
    });
    for user in users {
        user.await.unwrap();
    }
    let status = pool.status();
    assert_eq!((status.size, status.available, status.waiting), (1, 1, 0));
}

/// The program drops a user at each await. Its place in the pool is free again.
pub(crate) async fn drops() {
    let pool = pool(1);
    let users = ["first", "second"].map(|name| {
        let pool = pool.clone();
        engine::spawn_droppable(name, async move {
            let connection = pool.get().await.unwrap();
            sleep(Duration::from_millis(5)).await;
            drop(connection);
        })
    });
    for user in users {
        let _ = user.await;
    }
    assert!(pool.get().await.is_ok(), "a place is lost");
    let status = pool.status();
    assert_eq!((status.size, status.available, status.waiting), (1, 1, 0));
}

//! The pool bb8.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bb8::{ManageConnection, Pool};
use mapi_sync_sim::engine;
use tokio::sync::Barrier;

struct Connections;

impl ManageConnection for Connections {
    type Connection = ();
    type Error = Infallible;

    async fn connect(&self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn is_valid(&self, (): &mut ()) -> Result<(), Infallible> {
        Ok(())
    }

    fn has_broken(&self, (): &mut ()) -> bool {
        false
    }
}

/// A pool that needs no task of its own.
async fn pool(size: u32) -> Pool<Connections> {
    let builder = Pool::builder().max_size(size).max_lifetime(None).idle_timeout(None);
    builder.build(Connections).await.unwrap()
}

/// Two users hold a connection each, at the same time. There are two.
pub(crate) async fn users() {
    let pool = pool(2).await;
    let both = Arc::new(Barrier::new(2));
    let users = [(), ()].map(|()| {
        let (pool, both) = (pool.clone(), Arc::clone(&both));
        tokio::spawn(async move {
            let connection = pool.get().await.expect("there is a connection for each");
            both.wait().await;
            drop(connection);
        })
    });
    for user in users {
        user.await.unwrap();
    }
}

/// Two users in turn share one connection, and the program drops either of them. The connection
/// comes back.
pub(crate) async fn drops() {
    let pool = pool(1).await;
    let users = ["first", "second"].map(|name| {
        let pool = pool.clone();
        engine::spawn_droppable(name, async move {
            let connection = pool.get().await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
            drop(connection);
        })
    });
    for user in users {
        let _ = user.await;
    }
    assert!(pool.get().await.is_ok(), "the connection is lost");
    assert_eq!(pool.state().connections, 1);
}

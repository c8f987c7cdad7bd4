//! A pool of one connection, and two users. The connection cannot be used again, so the pool
//! replaces it. The buggy pool lets in one more user each time that it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bugs::spawn;
use deadpool::managed::{Manager, Pool, RecycleError, RecycleResult};

struct Connections;

#[async_trait]
impl Manager for Connections {
    type Type = ();
    type Error = ();

    async fn create(&self) -> Result<(), ()> {
        bugs::yield_now().await;
        Ok(())
    }

    async fn recycle(&self, _: &mut ()) -> RecycleResult<()> {
        Err(RecycleError::Message("used up".to_owned()))
    }
}

pub async fn program() {
    let pool = Pool::<Connections>::builder(Connections).max_size(1).build().unwrap();
    let users = Arc::new(AtomicUsize::new(0));
    let tasks = ["first", "second"].map(|name| {
        let (pool, users) = (pool.clone(), Arc::clone(&users));
        spawn(name, async move {
            for _ in 0..2 {
                let connection = pool.get().await.ok().unwrap();
                assert_eq!(users.fetch_add(1, Ordering::Relaxed), 0, "users of the one connection");
                bugs::yield_now().await;
                users.fetch_sub(1, Ordering::Relaxed);
                drop(connection);
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
}

//! A pool shrinks while its connections are out, and grows again. If that comes in quick
//! succession, the buggy pool subtracts more than there is, and panics.

use bugs::spawn;
use deadpool::managed::{Manager, Metrics, Pool, RecycleResult};

struct Connections;

impl Manager for Connections {
    type Type = ();
    type Error = ();

    async fn create(&self) -> Result<(), ()> {
        bugs::yield_now().await;
        Ok(())
    }

    async fn recycle(&self, _: &mut (), _: &Metrics) -> RecycleResult<()> {
        Ok(())
    }
}

pub async fn program() {
    let pool = Pool::<Connections>::builder(Connections).max_size(3).build().unwrap();
    let users = ["first", "second", "third"].map(|name| {
        let pool = pool.clone();
        spawn(name, async move {
            let connection = pool.get().await.unwrap();
            bugs::yield_now().await;
            drop(connection);
        })
    });
    let operator = {
        let pool = pool.clone();
        spawn("operator", async move {
            pool.resize(1);
            bugs::yield_now().await;
            pool.resize(2);
        })
    };
    for task in users.into_iter().chain([operator]) {
        task.await.unwrap();
    }
    assert_eq!(pool.status().max_size, 2);
}

//! Checks a program.

use mapi_sync_sim::engine::{self, sync::Register};
use mapi_sync_sim::explore;

async fn add(counter: Register<u32>, ms: u64) {
    engine::work(ms).await;
    let seen = counter.read().await;
    counter.write(seen + 1).await;
}

fn main() {
    let report = explore(|| async {
        let counter = Register::new("counter", 0);
        let tasks =
            [("a", 10), ("b", 11)].map(|(name, ms)| engine::spawn(name, add(counter.clone(), ms)));
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(counter.get(), 2, "an addition is lost");
    })
    .name("adders")
    .run();
    println!("{report}");
}

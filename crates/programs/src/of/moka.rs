//! The cache moka. It uses no tokio, but wakers only.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mapi_sync_sim::engine;
use moka::future::Cache;

/// Two readers of an absent key: one loads it, and both have the value.
pub(crate) async fn one_load() {
    let cache: Cache<u8, usize> = Cache::new(4);
    let loads = Arc::new(AtomicUsize::new(0));
    let readers = [(), ()].map(|()| {
        let (cache, loads) = (cache.clone(), Arc::clone(&loads));
        tokio::spawn(async move {
            let load = async move {
                tokio::task::yield_now().await;
                loads.fetch_add(1, Ordering::Relaxed)
            };
            cache.get_with(1, load).await
        })
    });
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 0);
    }
    assert_eq!(loads.load(Ordering::Relaxed), 1);
}

/// The program drops a reader at each await, while it loads too. The other one has a value.
pub(crate) async fn drops() {
    let cache: Cache<u8, &str> = Cache::new(4);
    let read = |cache: Cache<u8, &'static str>| async move {
        let load = async {
            tokio::task::yield_now().await;
            "loaded"
        };
        cache.get_with(1, load).await
    };
    let dropped = {
        let cache = cache.clone();
        engine::spawn_droppable("dropped", async move {
            read(cache).await;
        })
    };
    let stays = tokio::spawn(read(cache.clone()));
    assert_eq!(stays.await.unwrap(), "loaded");
    let _ = dropped.await;
    assert_eq!(cache.get(&1).await, Some("loaded"));
}

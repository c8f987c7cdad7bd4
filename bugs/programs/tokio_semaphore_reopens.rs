//! One task closes a semaphore for good, another one takes permits out of it. The buggy
//! `forget_permits` forgets too that the semaphore is closed: who asks next gets a permit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bugs::spawn;
use tokio::sync::Semaphore;

pub async fn program() {
    let semaphore = Arc::new(Semaphore::new(2));
    let is_closed = Arc::new(AtomicBool::new(false));
    let worker = {
        let (semaphore, is_closed) = (Arc::clone(&semaphore), Arc::clone(&is_closed));
        spawn("worker", async move {
            let was_closed = is_closed.load(Ordering::Relaxed);
            let permit = semaphore.acquire().await;
            assert!(!was_closed || permit.is_err(), "a permit of a closed semaphore");
        })
    };
    let closer = {
        let semaphore = Arc::clone(&semaphore);
        spawn("closer", async move {
            semaphore.close();
            is_closed.store(true, Ordering::Relaxed);
        })
    };
    let shrinker = spawn("shrinker", async move {
        semaphore.forget_permits(1);
    });
    for task in [worker, closer, shrinker] {
        task.await.unwrap();
    }
}

//! Services of tower: `Buffer`, `ConcurrencyLimit`, `Timeout`.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

/// Three callers go through a buffer to one service. Each has its own answer, and then the worker
/// ends.
pub(crate) async fn buffer() {
    let service = service_fn(|n: u32| async move {
        sleep(Duration::from_millis(1)).await;
        Ok::<_, Infallible>(n * 10)
    });
    let service = ServiceBuilder::new().buffer(2).service(service);
    let callers = [1, 2, 3].map(|n| {
        let service = service.clone();
        tokio::spawn(async move { service.oneshot(n).await.unwrap() })
    });
    drop(service);
    for (caller, n) in callers.into_iter().zip(1..) {
        assert_eq!(caller.await.unwrap(), n * 10);
    }
}

/// Three callers, at most one at a time, and each has 20 ms from its call on.
pub(crate) async fn limit() {
    let running = Arc::new(AtomicUsize::new(0));
    let service = service_fn(move |ms: u64| {
        let running = Arc::clone(&running);
        async move {
            assert_eq!(running.fetch_add(1, Ordering::Relaxed), 0, "two calls at a time");
            sleep(Duration::from_millis(ms)).await;
            running.fetch_sub(1, Ordering::Relaxed);
            Ok::<_, Infallible>(())
        }
    });
    let service = ServiceBuilder::new().concurrency_limit(1).service(service);
    let callers = [5, 10, 20].map(|ms| {
        let mut service =
            ServiceBuilder::new().timeout(Duration::from_millis(50)).service(service.clone());
        tokio::spawn(async move {
            let began = Instant::now();
            let ready = service.ready().await.unwrap();
            let ended = ready.call(ms).await;
            assert!(ended.is_ok(), "no call takes 50 ms");
            assert!(began.elapsed() >= Duration::from_millis(ms));
        })
    });
    for caller in callers {
        caller.await.unwrap();
    }
}

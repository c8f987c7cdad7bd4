//! Two tasks add to a number, and let go of the lock between reading and writing.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::yield_now;

pub(crate) async fn program() {
    let number = Arc::new(Mutex::new(0));
    let tasks = [(), ()].map(|()| {
        let number = Arc::clone(&number);
        tokio::spawn(async move {
            let seen = *number.lock().await;
            yield_now().await;
            *number.lock().await = seen + 1;
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*number.lock().await, 2, "an addition is lost");
}

//! The first of two answers counts, and the other one is aborted. Both may have come.

use tokio::task::{JoinSet, yield_now};

pub(crate) async fn program() {
    let mut set = JoinSet::new();
    for n in 0..2 {
        set.spawn(async move {
            yield_now().await;
            yield_now().await;
            n
        });
    }
    assert!(set.join_next().await.unwrap().is_ok());
    set.abort_all();
    let other = set.join_next().await.unwrap();
    assert!(other.is_err(), "the other answer was counted too");
}

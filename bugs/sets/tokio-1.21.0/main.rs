//! What runs against tokio 1.21.0 and the crates beside it.

#[path = "../../programs/async_channel_held.rs"]
mod async_channel_held;
#[path = "../../programs/deadpool_recycle.rs"]
mod deadpool_recycle;
#[path = "../../programs/tokio_broadcast_resubscribe.rs"]
mod tokio_broadcast_resubscribe;
#[path = "../../programs/tokio_util_cancellation.rs"]
mod tokio_util_cancellation;

fn main() {
    bugs::serve(bugs::programs![
        async_channel_held,
        deadpool_recycle,
        tokio_broadcast_resubscribe,
        tokio_util_cancellation
    ]);
}

//! What runs against tokio 1.5.0 and the crates beside it.

#[path = "../../programs/event_listener_insert.rs"]
mod event_listener_insert;
#[path = "../../programs/flume_order.rs"]
mod flume_order;
#[path = "../../programs/tokio_notify_dropped.rs"]
mod tokio_notify_dropped;

fn main() {
    bugs::serve(bugs::programs![event_listener_insert, flume_order, tokio_notify_dropped]);
}

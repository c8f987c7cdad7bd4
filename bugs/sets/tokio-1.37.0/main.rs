//! What runs against tokio 1.37.0 and the crates beside it.

#[path = "../../programs/deadpool_resize.rs"]
mod deadpool_resize;
#[path = "../../programs/embassy_sync_clear.rs"]
mod embassy_sync_clear;
#[path = "../../programs/tokio_mpsc_is_empty.rs"]
mod tokio_mpsc_is_empty;

fn main() {
    bugs::serve(bugs::programs![deadpool_resize, embassy_sync_clear, tokio_mpsc_is_empty]);
}

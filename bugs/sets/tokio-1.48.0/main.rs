//! What runs against tokio 1.48.0 and the crates beside it.

#[path = "../../programs/embassy_sync_reset.rs"]
mod embassy_sync_reset;
#[path = "../../programs/tokio_mpsc_try_recv_closed.rs"]
mod tokio_mpsc_try_recv_closed;

fn main() {
    bugs::serve(bugs::programs![embassy_sync_reset, tokio_mpsc_try_recv_closed]);
}

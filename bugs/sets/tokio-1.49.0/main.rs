//! What runs against tokio 1.49.0 and the crates beside it.

#[path = "../../programs/tokio_mpsc_try_recv_closed.rs"]
mod tokio_mpsc_try_recv_closed;

fn main() {
    bugs::serve(bugs::programs![tokio_mpsc_try_recv_closed]);
}

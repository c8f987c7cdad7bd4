//! What runs against tokio 1.51.1 and the crates beside it.

#[path = "../../programs/tokio_mpsc_recv_many.rs"]
mod tokio_mpsc_recv_many;
#[path = "../../programs/tokio_notify_priority.rs"]
mod tokio_notify_priority;
#[path = "../../programs/tokio_semaphore_reopens.rs"]
mod tokio_semaphore_reopens;

fn main() {
    bugs::serve(bugs::programs![
        tokio_mpsc_recv_many,
        tokio_notify_priority,
        tokio_semaphore_reopens
    ]);
}

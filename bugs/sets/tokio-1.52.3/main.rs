//! What runs against tokio 1.52.3 and the crates beside it.

#[path = "../../programs/tokio_mpsc_outstanding.rs"]
mod tokio_mpsc_outstanding;
#[path = "../../programs/tokio_mpsc_release.rs"]
mod tokio_mpsc_release;
#[path = "../../programs/tokio_mpsc_reserve_many.rs"]
mod tokio_mpsc_reserve_many;

fn main() {
    bugs::serve(bugs::programs![
        tokio_mpsc_outstanding,
        tokio_mpsc_release,
        tokio_mpsc_reserve_many
    ]);
}

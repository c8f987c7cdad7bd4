//! What runs against tokio 1.53.0 and the crates beside it.

#[path = "../../programs/tokio_mpsc_reserve_many.rs"]
mod tokio_mpsc_reserve_many;

fn main() {
    bugs::serve(bugs::programs![tokio_mpsc_reserve_many]);
}

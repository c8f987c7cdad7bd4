//! Input and output: `tokio::io`.

pub use real::io::*;

//! Sockets: `tokio::net`. Inside an execution looking up a name is refused by name; the sockets
//! themselves panic there because they have no runtime.

use std::io::Result;
use std::net::SocketAddr;

pub use real::net::*;

use crate::inside::refuse;

/// Looks a host's addresses up.
///
/// # Errors
///
/// As the real one has.
///
/// # Panics
///
/// Inside an execution.
pub async fn lookup_host<T: ToSocketAddrs>(host: T) -> Result<impl Iterator<Item = SocketAddr>> {
    refuse(
        "tokio::net::lookup_host",
        "the network answers in real time. Make the program generic over its streams, and give it \
         `tokio::io::duplex` for the check",
    );
    real::net::lookup_host(host).await
}

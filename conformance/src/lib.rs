//! One suite of cases, three mounts.
//!
//! [`case`] says what a provider does, how a host behaves and what must come of it. The tests mount
//! the same cases on the simulator, on tokio in real time, and on COM vtables: with C++ as the
//! host, with C++ as the provider, and with Rust on both ends and vtables between. What only the
//! vtables have (sizes, NULL members, exceptions) is tested beside them.

pub mod case;
pub mod cpp;
mod events;
mod ffi;
pub mod foreign;
pub mod host;
pub mod provider;

pub use ffi::{HostFaults, HostReport};

/// A panic that a case asks for. It passes the panic hook by: that would walk the stack when one
/// panic runs into another, which 32-bit Wine does not survive, and say nothing that the case does
/// not.
fn panic_as_asked() -> ! {
    std::panic::resume_unwind(Box::new("as the case asks"))
}

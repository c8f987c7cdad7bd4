//! One suite of cases, three mounts.
//!
//! [`case`] says what a provider does, how a host behaves and what the outcome must be. The tests
//! mount the same cases on the simulator, on tokio in real time, and on COM method tables: with C++
//! as the host, with C++ as the provider, and with Rust on both ends and method tables between.
//! Separate tests cover what only method tables have: sizes, NULL members, exceptions.

pub mod case;
pub mod com_check;
pub mod cpp;
mod events;
mod ffi;
pub mod foreign;
pub mod host;
pub mod provider;

pub use ffi::{HostFaults, HostReport};

/// A panic that a case asks for. It bypasses the panic hook, which would walk the stack when one
/// panic meets another: that crashes 32-bit Wine, and the message would add nothing.
fn panic_as_asked() -> ! {
    std::panic::resume_unwind(Box::new("as the case asks"))
}

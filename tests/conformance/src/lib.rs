//! One suite of cases, three mounts.
//!
//! [`case`] says what a provider does, how a host behaves and what must come of it. The tests mount the same cases on the
//! simulator, on tokio in real time, and on COM vtables: with C++ as the host, with C++ as the provider, and with Rust on
//! both ends and vtables between. What only the vtables have (sizes, NULL members, exceptions) is tested beside them.

pub mod case;
pub mod cpp;
mod events;
mod ffi;
pub mod host;
pub mod provider;

pub use ffi::{HostFaults, HostReport};

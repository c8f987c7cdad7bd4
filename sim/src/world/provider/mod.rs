//! The provider's side of the simulated world: two providers that do the same work, one on the
//! session and one on the raw interface, one that a file describes step by step, and the network to
//! their server.

mod network;
mod plan;
mod position;
mod protocol;
mod raw;
mod shutdown;
mod store;
mod work;

pub(super) use plan::Plan;
pub(crate) use protocol::goals;
pub(super) use protocol::{ProtocolProvider, Refused, Script, compile};
pub(super) use raw::RawProvider;
pub(super) use store::StoreProvider;

//! Scenario files: what a simulated Send/Receive consists of.
//!
//! A scenario is a TOML file. It says which accounts there are and what waits in their mailboxes,
//! how the simulated provider and the simulated host behave, which faults the search may inject,
//! and how strict the contract is. It never says *when* something happens: times within a range,
//! faults and the user's cancel are decisions of the search.
//!
//! Every key has a default, so that a file states only what matters to it. Unknown keys and values
//! out of range are refused with the place in the file ([`ScenarioError`]). The reference page is
//! `docs/scenarios.md`.

mod builtin;
mod change;
mod digest;
mod digest_v1;
mod error;
mod faults;
mod model;
mod protocol;
mod read;
mod swarm;
mod values;

pub use builtin::{builtin, builtins};
pub use change::{Changes, Knob, Time};
pub use error::ScenarioError;
pub use faults::{Fault, Faults};
pub use model::{
    Account, CancelBy, CancelStyle, Contract, Costs, ErrorStyle, Folder, Folders, Host, Maximum,
    NextSync, OverlapStyle, Provider, Published, Returns, Scenario, Shutdown, Step, Text, WaitFor,
};
pub(super) use protocol::{Amount, Duration, Keys};
pub use protocol::{Handlers, Promise, Protocol, ProtocolStep};
pub use swarm::{Swarm, Variation};
pub use values::Cost;

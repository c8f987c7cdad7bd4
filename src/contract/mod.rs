//! The contract between a store provider and its host: 22 rules as data, and a monitor that holds
//! calls against them.
//!
//! Read [`Rule`] first; it is the table. The way of the data: a call is reported to a [`Monitor`],
//! which gives it to the state machine of its sync, which reports a [`Violation`] for each rule
//! that the call breaks.

mod call;
mod callbacks;
mod clock;
mod handles;
mod home;
mod in_flight;
mod machine;
mod monitor;
mod plain;
mod policy;
mod rules;
#[cfg(test)]
mod short_way;
mod syncs;
mod violation;
mod watch;

pub use call::{Answer, Call, CallId, KeptCall, Side, SyncId};
pub use clock::VirtualClock;
pub use monitor::{CallInFlight, Monitor, MonitorConfig, OnViolation, SyncWatch};
pub use policy::Policy;
pub use rules::{Blame, Level, Rule, UnknownRule};
pub use violation::Violation;
pub use watch::Watched;

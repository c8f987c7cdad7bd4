//! The contract between a store provider and its host: its rules, and a monitor that checks calls
//! against them.
//!
//! [The contract's page](crate::_documentation::contract) lists the rules, each with a wrong and a
//! right trace; read it first. In code they are [`Rule::ALL`]. Whoever sees a call reports it to a
//! [`Monitor`]. The monitor asks each rule of the sync about the call, and then takes the call into
//! the [`SyncState`], which the rules share. It reports a broken rule as a [`Violation`].
//!
//! [`Policy::with_rule`] adds a rule of your own; [`RuleCheck`] has an example, and [rules of your
//! own](crate::_documentation::own_rules) writes one from nothing.
//!
//! # Examples
//!
//! A provider that sends Done twice:
//!
//! ```
//! use mapi_sync::contract::{Call, Monitor, MonitorConfig, Rule};
//! use mapi_sync::{HResult, RawEvent};
//!
//! let monitor = Monitor::new(MonitorConfig::default(), || 0);
//! let sync = monitor.callback_sync();
//! for _ in 0..2 {
//!     let done = Call::Done { event: RawEvent::NULL, status: HResult::S_OK };
//!     sync.begin(done).end(HResult::S_OK);
//! }
//! assert_eq!(monitor.finish()[0].rule, Rule::DONE_ONCE);
//! ```

mod call;
mod clock;
mod fast;
mod handles;
mod judge;
mod monitor;
mod policy;
mod rule;
mod rules;
mod sync_state;
mod trace;
mod violation;
mod watch;

pub use call::{Answer, Call, CallId, CallKind, CallRecord, SyncId};
pub use clock::{Clock, VirtualClock};
pub use monitor::{CallInFlight, Monitor, MonitorConfig, OnViolation, SyncWatch};
pub use policy::Policy;
pub use rule::{
    Broken, Findings, Level, Party, Rule, RuleCheck, RuleInfo, Situation, Span, UnknownRule,
};
pub use sync_state::{Progress, SyncState};
pub use trace::{Step, play};
pub use violation::Violation;
pub use watch::{Watched, WatchedShutdown};

//! The contract between a store provider and its host: 22 rules, each a file, and a monitor that
//! holds calls against them.
//!
//! Read [`Rule::ALL`] first; it is the table. A call is reported to a [`Monitor`]. The monitor asks
//! each rule of the sync about it, and then takes it into the [`SyncState`], which is what several
//! rules need to know. A rule that is broken is reported as a [`Violation`].
//!
//! An author adds rules of their own with [`Policy::with_rule`]; [`RuleCheck`] shows how.

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

pub use call::{Answer, Call, CallId, CallRecord, SyncId};
pub use clock::{Clock, VirtualClock};
pub use monitor::{CallInFlight, Monitor, MonitorConfig, OnViolation, SyncWatch};
pub use policy::Policy;
pub use rule::{Broken, Findings, Level, Party, Rule, RuleCheck, RuleInfo, Span, UnknownRule};
pub use sync_state::{Progress, SyncState};
pub use trace::{Step, play};
pub use violation::Violation;
pub use watch::Watched;

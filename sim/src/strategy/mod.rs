//! How schedules are chosen: one file for each strategy.

mod cancellations;
mod dfs;
mod exhaustive;
mod pct;
mod portfolio;
mod pos;
mod profile;
mod random;
mod replay;
mod round_robin;
mod surw;
mod table;
mod urw;

pub use cancellations::Cancellations;
pub use dfs::{Bound, Dfs};
pub use exhaustive::{
    Certificate, Findings, Gap, Periods, Reduced, TrackedSharing, explore, explore_split,
};
pub use pct::Pct;
pub use portfolio::Portfolio;
pub use pos::Pos;
pub use random::{Block, Random};
pub use replay::Replay;
pub use round_robin::RoundRobin;
pub use surw::Surw;
pub use table::{STRATEGIES, StrategyInfo, UnknownStrategy};
pub use urw::Urw;

//! How schedules are chosen: one file for each strategy.

mod around;
mod block;
mod cancellations;
mod dfs;
mod dfs_rounds;
mod dpor;
mod follow;
mod guide;
mod paces;
mod pct;
mod portfolio;
mod pos;
mod profile;
mod random;
mod replay;
mod round_robin;
mod seeded;
mod surw;
mod table;
mod urw;
mod watched;

pub use around::Around;
pub use block::LearningBlock;
pub use cancellations::Cancellations;
pub use dfs::{Bound, Dfs};
pub use dfs_rounds::explore_rounds;
pub use dpor::{
    Certificate, Dpor, Findings, Gap, Periods, Probe, TrackedSharing, explore, explore_split,
};
pub use follow::Follow;
pub use guide::Guide;
pub use paces::Paces;
pub use pct::Pct;
pub use portfolio::Portfolio;
pub use pos::Pos;
pub use random::Random;
pub use replay::Replay;
pub use round_robin::RoundRobin;
pub use surw::Surw;
pub use table::{STRATEGIES, StrategyInfo, UnknownStrategy};
pub use urw::Urw;
pub use watched::Watched;

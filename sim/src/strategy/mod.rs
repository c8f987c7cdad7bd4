//! How schedules are chosen: one file for each strategy.

mod dfs;
mod exhaustive;
mod random;
mod replay;
mod table;

pub use dfs::{Bound, Dfs};
pub use exhaustive::{Certificate, Gap, Reduced, Reduction, TrackedSharing};
pub use random::Random;
pub use replay::Replay;
pub use table::{STRATEGIES, StrategyInfo, UnknownStrategy};

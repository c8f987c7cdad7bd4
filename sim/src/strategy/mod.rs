//! How schedules are chosen: one file for each strategy.

mod random;
mod replay;

pub use random::Random;
pub use replay::Replay;

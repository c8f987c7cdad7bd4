//! The strategies by name: what `mapi-sync --strategy` and `Check::strategy` take.

use std::fmt;

use super::{
    Bound, Cancellations, Dfs, Dpor, Paces, Pct, Portfolio, Pos, Random, RoundRobin, Surw,
    TrackedSharing, Urw,
};
use crate::{Engine, Limits};

/// A strategy that can be asked for by name.
#[derive(Debug)]
pub struct StrategyInfo {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// Whether it ends by itself, when every schedule has been run. Others go on for ever.
    pub exhaustive: bool,
    /// Whether it runs one schedule of each class, and can be split into parts.
    pub reduces: bool,
    makes: Makes,
}

/// How a strategy is made.
#[derive(Debug)]
enum Makes {
    /// As an engine that asks it, from a seed.
    Engine(fn(Limits, u64) -> Engine),
    /// As a depth-first search, which needs no seed.
    DepthFirst(fn() -> Dfs),
}

/// All strategies with a name, the default first.
pub static STRATEGIES: &[StrategyInfo] = &[
    StrategyInfo {
        name: "portfolio",
        about: "some of each of the random ones below",
        exhaustive: false,
        reduces: false,
        makes: Makes::Engine(|limits, seed| Engine::new(limits, Portfolio::new(seed))),
    },
    StrategyInfo {
        name: "random",
        about: "every step and value with equal chances; faults more rarely",
        exhaustive: false,
        reduces: false,
        makes: Makes::Engine(|limits, seed| Engine::new(limits, Random::new(seed))),
    },
    StrategyInfo {
        name: "urw",
        about: "a random walk that is uniform over interleavings",
        exhaustive: false,
        reduces: false,
        makes: Makes::Engine(|limits, seed| Engine::new(limits, Urw::new(seed))),
    },
    StrategyInfo {
        name: "surw",
        about: "a random walk that is uniform over the orders in which one object is used",
        exhaustive: false,
        reduces: false,
        makes: Makes::Engine(|limits, seed| Engine::new(limits, Surw::new(seed))),
    },
    StrategyInfo {
        name: "paces",
        about: "tasks in bursts with pauses, each at times of its own",
        exhaustive: false,
        reduces: false,
        makes: Makes::Engine(|limits, seed| Engine::new(limits, Paces::new(seed))),
    },
    StrategyInfo {
        name: "pct",
        about: "random priorities of tasks with one change: bugs of depth 2",
        exhaustive: false,
        reduces: false,
        makes: Makes::Engine(|limits, seed| Engine::new(limits, Pct::new(seed, 2))),
    },
    StrategyInfo {
        name: "pos",
        about: "random priorities of steps, drawn anew by those that race",
        exhaustive: false,
        reduces: false,
        makes: Makes::Engine(|limits, seed| Engine::new(limits, Pos::new(seed))),
    },
    StrategyInfo {
        name: "round-robin",
        about: "every task in turn; random values and faults",
        exhaustive: false,
        reduces: false,
        makes: Makes::Engine(|limits, seed| Engine::new(limits, RoundRobin::new(seed))),
    },
    StrategyInfo {
        name: "exhaustive",
        about: "one schedule of each class of schedules that cannot be told apart",
        exhaustive: true,
        reduces: true,
        // The world's tasks share state through tracked objects alone.
        makes: Makes::Engine(|limits, _| Engine::new(limits, Dpor::new(TrackedSharing))),
    },
    StrategyInfo {
        name: "delays",
        about: "every schedule that passes over up to 3 tasks whose turn it is",
        exhaustive: true,
        reduces: false,
        makes: Makes::DepthFirst(|| Dfs::bounded(Bound::Delays(3))),
    },
    StrategyInfo {
        name: "preemptions",
        about: "every schedule with up to 2 switches away from a task that could go on",
        exhaustive: true,
        reduces: false,
        makes: Makes::DepthFirst(|| Dfs::bounded(Bound::Preemptions(2))),
    },
    StrategyInfo {
        name: StrategyInfo::CANCELLATIONS,
        about: "the default schedule, one for each await point with a task dropped, more orders",
        exhaustive: true,
        reduces: false,
        makes: Makes::Engine(|limits, _| Engine::new(limits, Cancellations::new().with_switches())),
    },
    StrategyInfo {
        name: "dfs",
        about: "every schedule there is, one after another",
        exhaustive: true,
        reduces: false,
        makes: Makes::DepthFirst(Dfs::new),
    },
];

/// No strategy has this name.
///
/// `Debug` prints the same sentence as `Display`: it is what a failed `unwrap` shows.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("no strategy is named `{0}`; known are {known}", known = names())]
pub struct UnknownStrategy(String);

impl fmt::Debug for UnknownStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StrategyInfo {
    const CANCELLATIONS: &'static str = "cancellations";

    /// Whether it is about dropping tasks, and so needs a scenario that has that fault.
    #[must_use]
    pub fn drops_tasks(&self) -> bool {
        self.name == Self::CANCELLATIONS
    }

    /// The default one.
    #[must_use]
    pub fn default_strategy() -> &'static Self {
        &STRATEGIES[0]
    }

    /// The strategy of this name.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn named(name: &str) -> Result<&'static Self, UnknownStrategy> {
        STRATEGIES
            .iter()
            .find(|info| info.name == name)
            .ok_or_else(|| UnknownStrategy(name.to_owned()))
    }

    /// The search, if it is a depth-first one, which can be [split](Dfs::split).
    #[must_use]
    pub fn depth_first(&self) -> Option<Dfs> {
        match self.makes {
            Makes::Engine(_) => None,
            Makes::DepthFirst(new) => Some(new()),
        }
    }

    /// An engine that asks this strategy. What it does in an execution follows from `seed` and the
    /// execution's number.
    #[must_use]
    pub fn engine(&self, limits: Limits, seed: u64) -> Engine {
        match self.makes {
            Makes::Engine(new) => new(limits, seed),
            Makes::DepthFirst(new) => Engine::new(limits, new()),
        }
    }
}

fn names() -> String {
    STRATEGIES.iter().map(|info| info.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_own_name() {
        for info in STRATEGIES {
            assert!(std::ptr::eq(StrategyInfo::named(info.name).unwrap(), info));
        }
        let message = StrategyInfo::named("no-such").unwrap_err().to_string();
        assert!(message.starts_with("no strategy is named `no-such`; known are portfolio, random"));
        // What a failed `unwrap` prints.
        assert_eq!(format!("{:?}", StrategyInfo::named("no-such").unwrap_err()), message);
    }
}

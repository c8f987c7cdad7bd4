//! The strategies by name: what `--strategy` and [`Check::strategy`](crate::Check::strategy) take.

use super::Random;
use crate::engine::{Engine, Limits};

/// A strategy that can be asked for by name.
#[derive(Debug)]
pub struct StrategyInfo {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// Whether it ends by itself, when every schedule has been run. Others go on for ever.
    pub exhaustive: bool,
    engine: fn(Limits, u64) -> Engine,
}

/// All strategies with a name, the default first.
pub static STRATEGIES: &[StrategyInfo] = &[StrategyInfo {
    name: "random",
    about: "every step and value with equal chances; faults more rarely",
    exhaustive: false,
    engine: |limits, seed| Engine::new(limits, Random::new(seed)),
}];

/// No strategy has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no strategy is named `{0}`; known are {known}", known = names())]
pub struct UnknownStrategy(String);

impl StrategyInfo {
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

    /// An engine that asks this strategy. What it does in an execution follows from `seed` and the execution's number.
    #[must_use]
    pub fn engine(&self, limits: Limits, seed: u64) -> Engine {
        (self.engine)(limits, seed)
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
        assert!(message.starts_with("no strategy is named `no-such`; known are random"));
    }
}

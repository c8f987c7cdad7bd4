//! Uniform random choice among what can run.

use super::seeded::Seeded;
use crate::{ChoicePoint, Decision, Strategy, TaskId, UniformRng};

/// Picks each step's task, and each value, with equal chances.
///
/// Faults and drops are rarer: each execution draws how likely they are (never, or 1 in 4, 16 or 64
/// questions), so that executions without any, with a few, and with many are all common. That is
/// the idea of swarm testing (Groce, Zhang, Eide, Chen, Regehr, "Swarm Testing", ISSTA 2012).
///
/// An execution depends on the seed and on its index only.
#[derive(Clone, Debug)]
pub struct Random {
    /// For all but the picks.
    seeded: Seeded,
    picks: UniformRng,
}

impl Random {
    /// Random schedules from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seeded: Seeded::new(seed), picks: UniformRng::new(seed) }
    }
}

impl Strategy for Random {
    fn begin(&mut self, index: u64) -> bool {
        self.seeded.begin(index);
        self.picks = UniformRng::new(self.seeded.rng.u64(..));
        true
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        at.sample(|len| self.picks.below(len))
    }

    fn uniform_rng(&mut self) -> Option<UniformRng> {
        Some(self.picks.clone())
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        self.seeded.choose(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{self as engine, Engine, Limits};

    /// Implements the required methods only.
    struct InFull(Random);

    impl Strategy for InFull {
        fn begin(&mut self, index: u64) -> bool {
            self.0.begin(index)
        }

        fn pick(&mut self, at: &Decision<'_>) -> TaskId {
            self.0.pick(at)
        }

        fn choose(&mut self, at: &ChoicePoint) -> u32 {
            self.0.choose(at)
        }
    }

    #[test]
    fn the_engine_draws_what_the_strategy_would() {
        let fingerprints = |strategy: fn(Random) -> Engine| {
            let mut engine = strategy(Random::new(5));
            let run = |(index, tasks)| {
                let main = async move {
                    for yields in 0..tasks {
                        engine::spawn("task", async move {
                            for _ in 0..1 + yields % 5 {
                                engine::yield_now().await;
                            }
                        });
                    }
                };
                engine.execute(index, main).unwrap();
                engine.fingerprint()
            };
            (0..).zip([1, 2, 3, 4, 5, 6, 20, 62, 63, 64, 65, 100]).map(run).collect::<Vec<_>>()
        };
        assert_eq!(
            fingerprints(|random| Engine::new(Limits::default(), random)),
            fingerprints(|random| Engine::new(Limits::default(), InFull(random))),
        );
    }
}

//! Uniform random choice among what can run.

use fastrand::Rng;

use crate::decision::Kind;
use crate::{ChoicePoint, Decision, Strategy, TaskId, UniformRng, mix};

/// Picks each step's task, and each value, with equal chances.
///
/// Faults and drops are rarer: each execution picks how likely they are (never, or 1 in 4, 16 or 64
/// questions), so that executions without any, with a few, and with many are all common. That is
/// the idea of swarm testing (Groce, Zhang, Eide, Chen, Regehr, "Swarm Testing", ISSTA 2012).
///
/// An execution depends on the seed and on its index only.
#[derive(Clone, Debug)]
pub struct Random {
    seed: u64,
    /// For all but the picks.
    rng: Rng,
    picks: UniformRng,
    chances: Chances,
}

impl Random {
    /// Random schedules from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            rng: Rng::with_seed(seed),
            picks: UniformRng::new(seed),
            chances: Chances::default(),
        }
    }
}

impl Strategy for Random {
    fn begin(&mut self, index: u64) -> bool {
        self.rng = execution_rng(self.seed, index);
        self.chances = Chances::draw(&mut self.rng);
        self.picks = UniformRng::new(self.rng.u64(..));
        true
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        at.sample(|len| self.picks.below(len))
    }

    fn uniform_rng(&mut self) -> Option<UniformRng> {
        Some(self.picks.clone())
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        self.chances.choose(&mut self.rng, at)
    }
}

/// The generator of one execution.
pub(super) fn execution_rng(seed: u64, index: u64) -> Rng {
    Rng::with_seed(mix(seed ^ mix(index)))
}

/// Executions whose numbers agree but for the last five bits: a strategy may learn from one for the
/// next.
///
/// Within a block it must be run from the first on and in order for an execution to depend on the
/// seed and its number only. [`sweep`](crate::parallel::run_chunks) does so if its chunks are
/// multiples of [`SIZE`](Self::SIZE).
#[derive(Clone, Debug, Default)]
pub struct Block {
    last: Option<u64>,
}

impl Block {
    /// How many executions make a block.
    pub const SIZE: u64 = 32;

    /// Goes on to an execution. Says whether what was learned holds for it.
    pub(super) fn goes_on(&mut self, index: u64) -> bool {
        let last = self.last.replace(index);
        !index.is_multiple_of(Self::SIZE) && last == index.checked_sub(1)
    }
}

/// How likely faults are in one execution.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chances {
    /// One question in so many is answered with a fault; 0 is never.
    fault: u32,
    drop: u32,
    spurious: u32,
}

impl Chances {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let bits = rng.u32(..);
        let rate = |bits: u32| [0, 0, 0, 4, 16, 64, 64, 16][bits as usize & 7];
        Self { fault: rate(bits), drop: rate(bits >> 3), spurious: rate(bits >> 6) }
    }

    pub(super) fn choose(self, rng: &mut Rng, at: &ChoicePoint) -> u32 {
        let rate = match at.kind {
            Kind::Fault => self.fault,
            Kind::Drop => self.drop,
            Kind::Spurious => self.spurious,
            Kind::Choice | Kind::Run => return rng.u32(..at.arity),
        };
        if rate == 0 || at.arity < 2 || rng.u32(..rate) != 0 { 0 } else { rng.u32(1..at.arity) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{self as engine, Engine, Limits};

    /// Answers only what everybody must.
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

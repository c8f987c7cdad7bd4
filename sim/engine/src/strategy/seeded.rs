//! The base of the random strategies: a seed, and each execution's draws from it.

use fastrand::Rng;

use crate::decision::Kind;
use crate::{ChoicePoint, mix};

/// The generator of each execution, and the answers to its choices.
#[derive(Clone, Debug)]
pub(super) struct Seeded {
    seed: u64,
    /// The generator of the execution that has begun.
    pub(super) rng: Rng,
    chances: Chances,
}

impl Seeded {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, rng: Rng::with_seed(seed), chances: Chances::default() }
    }

    /// Starts an execution: all that it draws follows from the seed and its number.
    pub(super) fn begin(&mut self, index: u64) {
        self.rng = Rng::with_seed(mix(self.seed ^ mix(index)));
        self.chances = Chances::draw(&mut self.rng);
    }

    /// Picks a value with equal chances, and a fault with those of the execution.
    pub(super) fn choose(&mut self, at: &ChoicePoint) -> u32 {
        self.chances.choose(&mut self.rng, at)
    }

    /// One of `len` places, with equal chances.
    ///
    /// Drawn as 64 bits: a draw of a `usize` would make other schedules of the same seed on 32
    /// bits.
    pub(super) fn index(&mut self, len: usize) -> usize {
        self.rng.u64(..len as u64) as usize
    }
}

/// How likely faults, late sleeps and early tasks are in one execution: three bits for each kind,
/// looked at where one is asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Chances(u32);

impl Chances {
    fn draw(rng: &mut Rng) -> Self {
        Self(rng.u32(..))
    }

    /// Of how many questions of the `place`th kind one is answered with something else than the
    /// default, out of `rates` for what was drawn; 0 is never.
    fn rate(self, place: u32, rates: [u32; 8]) -> u32 {
        rates[(self.0 >> (3 * place)) as usize & 7]
    }

    fn choose(self, rng: &mut Rng, at: &ChoicePoint) -> u32 {
        let faults = [0, 0, 0, 4, 16, 64, 64, 16];
        let rate = match at.kind {
            Kind::Fault => self.rate(0, faults),
            Kind::Drop | Kind::DropWaiting => self.rate(1, faults),
            Kind::Spurious => self.rate(2, faults),
            Kind::Early => self.rate(4, [0, 0, 0, 0, 1, 2, 4, 8]),
            Kind::Late => return self.lateness(rng, at.arity),
            Kind::Choice | Kind::Run | Kind::Timer => return rng.u32(..at.arity),
        };
        if rate == 0 || at.arity < 2 || rng.u32(..rate) != 0 { 0 } else { rng.u32(1..at.arity) }
    }

    /// By how many per cent a sleep is late. In half of the executions none is. A small share
    /// changes the order of what is almost due together, a large one that of unequal work.
    fn lateness(self, rng: &mut Rng, arity: u32) -> u32 {
        let rate = self.rate(3, [0, 0, 0, 0, 1, 1, 2, 4]);
        if rate == 0 || arity < 2 || rng.u32(..rate) != 0 {
            return 0;
        }
        let most = (arity - 1) / [1, 1, 4, 20][rng.u64(..4) as usize];
        rng.u32(1..=most.max(1))
    }
}

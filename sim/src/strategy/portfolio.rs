//! Some of each.

use super::{Block, Pct, Pos, Random, RoundRobin, Urw};
use crate::engine::{ChoicePoint, Decision, Strategy, TaskId, mix};

/// The random strategies in turns, since each is blind to bugs that another finds at once.
///
/// Of eight executions, three are [`Pct`]'s at depth 2, three are [`Urw`]'s, one is [`Random`]'s, and one is in turn that
/// of [`Pct`] at depth 3, of [`Pos`], and of [`RoundRobin`]. So a bug takes less than three times the executions that it
/// takes the better of the first two.
#[derive(Clone, Debug)]
pub struct Portfolio {
    pct: Pct,
    urw: Urw,
    random: Random,
    deep: Pct,
    pos: Pos,
    round_robin: RoundRobin,
    now: Member,
}

#[derive(Clone, Copy, Debug)]
enum Member {
    Pct,
    Urw,
    Random,
    Deep,
    Pos,
    RoundRobin,
}

impl Portfolio {
    /// All from one seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            pct: Pct::new(mix(seed), 2),
            urw: Urw::new(mix(seed ^ 1)),
            random: Random::new(seed),
            deep: Pct::new(mix(seed ^ 2), 3),
            pos: Pos::new(mix(seed ^ 3)),
            round_robin: RoundRobin::new(mix(seed ^ 4)),
            now: Member::Random,
        }
    }

    fn now(&mut self) -> &mut dyn Strategy {
        match self.now {
            Member::Pct => &mut self.pct,
            Member::Urw => &mut self.urw,
            Member::Random => &mut self.random,
            Member::Deep => &mut self.deep,
            Member::Pos => &mut self.pos,
            Member::RoundRobin => &mut self.round_robin,
        }
    }
}

impl Strategy for Portfolio {
    fn begin(&mut self, index: u64) -> bool {
        let (block, turn) = (index / Block::SIZE, index % Block::SIZE);
        // Those that learn from one execution for the next count their own, block by block.
        let own = |place: u64| block * Block::SIZE + turn / 8 * 3 + place;
        let (now, index) = match turn % 8 {
            0 => (Member::Urw, own(0)),
            1 => (Member::Pct, own(0)),
            2 => (Member::Urw, own(1)),
            3 => (Member::Pct, own(1)),
            4 => (Member::Random, index),
            5 => (Member::Urw, own(2)),
            6 => (Member::Pct, own(2)),
            _ => match turn / 8 {
                0 => (Member::Pos, index),
                1 => (Member::Deep, block * Block::SIZE),
                2 => (Member::RoundRobin, index),
                _ => (Member::Deep, block * Block::SIZE + 1),
            },
        };
        self.now = now;
        self.now().begin(index)
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        self.now().pick(at)
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        self.now().choose(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::parallel::{Control, sweep};
    use crate::engine::{self, Engine, Limits};
    use std::ops::ControlFlow;

    #[test]
    fn every_number_of_jobs_runs_the_same() {
        let fingerprints = |jobs| {
            let mut all = Vec::new();
            let worker = || {
                let mut engine = Engine::new(Limits::default(), Portfolio::new(4));
                move |range: std::ops::Range<u64>| {
                    let mut run = |index| {
                        let main = async {
                            for yields in [1, 3, 5] {
                                engine::spawn("task", async move {
                                    for _ in 0..yields {
                                        engine::yield_now().await;
                                    }
                                });
                            }
                        };
                        engine.execute(index, main).unwrap();
                        engine.fingerprint()
                    };
                    range.map(&mut run).collect::<Vec<_>>()
                }
            };
            sweep(500, Block::SIZE, jobs, &Control::new(), worker, |chunk| {
                all.extend(chunk);
                ControlFlow::Continue(())
            });
            all
        };
        let one = fingerprints(1);
        assert_eq!(one.len(), 500);
        assert_eq!(fingerprints(3), one);
    }
}

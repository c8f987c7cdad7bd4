//! A mix of the random strategies.

use super::{LearningBlock, Paces, Pct, Pos, Random, RoundRobin, Surw, Urw};
use crate::{ChoicePoint, Decision, Observer, Segment, Strategy, TaskId, UniformRng, mix};

/// The random strategies in turns, since each is blind to bugs that another finds at once.
///
/// Of 32 executions, 14 are [`Urw`]'s, the first of which is a random walk, from which [`Surw`],
/// [`Paces`] and [`Pct`] learn too; 13 are [`Paces`]'; one each is [`Pct`]'s, at depth 3,
/// [`Surw`]'s, [`Random`]'s, [`Pos`]'s and [`RoundRobin`]'s. So a bug takes about two and a half
/// times the executions that it takes [`Urw`] or [`Paces`] alone, and fewer if both find it.
///
/// The turns are those with which the nine bugs that the peers are compared by fare best, while
/// none of them takes more than 1.2 times what it takes the best peer: with each member's chance to
/// find each bug in one execution, measured over 400 seeds, the mean of any order of turns can be
/// worked out, and a local search went through them.
#[derive(Clone, Debug)]
pub struct Portfolio {
    urw: Urw,
    surw: Surw,
    paces: Paces,
    pct: Pct,
    random: Random,
    pos: Pos,
    round_robin: RoundRobin,
    now: Member,
    /// Whether this is a block's first execution, from which others than the one whose turn it is
    /// learn too.
    first: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Urw,
    Surw,
    Paces,
    Pct,
    Random,
    Pos,
    RoundRobin,
}

/// The members' turns in a block: first those that find the easy bugs.
#[rustfmt::skip]
const TURNS: [Member; LearningBlock::SIZE as usize] = {
    use Member::{Paces, Pct, Pos, Random, RoundRobin, Surw, Urw};
    [
        Urw, Urw, Paces, Paces, Urw, Paces, Paces, Urw,
        Paces, Urw, Paces, Paces, Paces, Paces, Urw, Urw,
        Urw, Urw, Urw, Paces, Urw, Paces, Paces, Paces,
        Random, Urw, Urw, Pos, Urw, Pct, Surw, RoundRobin,
    ]
};

impl Portfolio {
    /// All from one seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            urw: Urw::new(mix(seed ^ 1)),
            surw: Surw::new(mix(seed ^ 5)),
            paces: Paces::new(mix(seed ^ 6)),
            pct: Pct::new(mix(seed), 3),
            random: Random::new(seed),
            pos: Pos::new(mix(seed ^ 3)),
            round_robin: RoundRobin::new(mix(seed ^ 4)),
            now: Member::Random,
            first: false,
        }
    }

    fn now(&mut self) -> &mut dyn Strategy {
        match self.now {
            Member::Urw => &mut self.urw,
            Member::Surw => &mut self.surw,
            Member::Paces => &mut self.paces,
            Member::Pct => &mut self.pct,
            Member::Random => &mut self.random,
            Member::Pos => &mut self.pos,
            Member::RoundRobin => &mut self.round_robin,
        }
    }
}

impl Strategy for Portfolio {
    fn begin(&mut self, index: u64) -> bool {
        let turn = index % LearningBlock::SIZE;
        self.now = TURNS[turn as usize];
        // Those that learn from one execution for the next count their own, block by block.
        let own = TURNS[..turn as usize].iter().filter(|member| **member == self.now);
        let own = own.count() as u64;
        self.first = turn == 0;
        if self.first {
            self.surw.begin(index);
            self.paces.begin(index);
            self.pct.begin(index);
        }
        // The block's first execution stands in for the first of its own.
        let own = own + u64::from(matches!(self.now, Member::Surw | Member::Paces | Member::Pct));
        self.now().begin(index - turn + own)
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        if self.first && at.len() > 1 {
            self.pct.note_decision();
        }
        self.now().pick(at)
    }

    fn uniform_rng(&mut self) -> Option<UniformRng> {
        self.now().uniform_rng()
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        self.now().choose(at)
    }

    fn asks_every_step(&self) -> bool {
        self.now == Member::Urw && self.urw.asks_every_step()
    }

    fn observer(&mut self) -> Option<&mut dyn Observer> {
        if self.first { Some(self) } else { None }
    }
}

impl Observer for Portfolio {
    fn segment(&mut self, segment: &Segment<'_>) {
        self.surw.segment(segment);
        self.paces.segment(segment);
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::parallel::{Control, run_chunks};
    use crate::{self as engine, Engine, Limits};

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
            run_chunks(500, LearningBlock::SIZE, jobs, &Control::new(), worker, |chunk| {
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

//! Schedules around one that is known.

use std::collections::BTreeMap;

use super::replay::Replay;
use super::seeded::Seeded;
use crate::decision::{Decisions, Departure};
use crate::{ChoicePoint, Decision, Strategy, TaskId};

/// Of how many decisions one is left out, or moved, in an execution that leaves out some.
const LEFT_OUT: u32 = 4;

/// Of how many questions that the known decisions say nothing about, one is drawn.
const DRAWN: u32 = 8;

/// How far a decision may move: its ordinal among those of its place, either way.
const MOVED: u32 = 3;

/// Draws schedules that are almost those of some decisions: some of these are left out or come a
/// little sooner or later, and some others are drawn besides. The first execution takes all of
/// them.
///
/// If a program has changed a little, a schedule that broke it may no longer fit, and one nearby
/// may break it still. An execution depends on the seed and on its index only.
#[derive(Clone, Debug)]
pub struct Around {
    known: Decisions,
    replay: Replay,
    seeded: Seeded,
    /// Whether anything is drawn in the execution that has begun.
    draws: bool,
}

impl Around {
    /// Schedules around these decisions, from this seed.
    #[must_use]
    pub fn new(known: Decisions, seed: u64) -> Self {
        let replay = Replay::new(known.clone());
        Self { known, replay, seeded: Seeded::new(seed), draws: false }
    }

    /// A decision as this execution takes it; `None` if it is left out.
    fn varied(&mut self, departure: Departure) -> Option<Departure> {
        let rng = &mut self.seeded.rng;
        if rng.u32(..LEFT_OUT) != 0 {
            return Some(departure);
        }
        if rng.bool() {
            return None;
        }
        let (by, mut moved) = (rng.u32(1..=MOVED), departure);
        let ordinal = &mut moved.place.ordinal;
        *ordinal = if rng.bool() { ordinal.saturating_add(by) } else { ordinal.saturating_sub(by) };
        Some(moved)
    }
}

impl Strategy for Around {
    fn begin(&mut self, index: u64) -> bool {
        self.seeded.begin(index);
        // Two of three executions draw besides.
        self.draws = !index.is_multiple_of(3);
        let known = self.known.clone();
        let known = if index == 0 {
            known
        } else {
            let varied = known.departures().iter().filter_map(|known| self.varied(*known));
            let varied: BTreeMap<_, _> = varied.map(|known| (known.place, known.value)).collect();
            let departure = |(place, value)| Departure { place, value };
            Decisions::new(varied.into_iter().map(departure).collect())
        };
        self.replay = Replay::new(known);
        self.replay.begin(index)
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        let known = self.replay.pick(at);
        if known != at.default_task() || !self.draws || self.seeded.rng.u32(..DRAWN) != 0 {
            return known;
        }
        at.sample(|len| self.seeded.rng.u32(..len))
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        let known = self.replay.choose(at);
        if known != 0 || !self.draws || self.seeded.rng.u32(..DRAWN) != 0 {
            return known;
        }
        self.seeded.choose(at)
    }

    fn asks_every_step(&self) -> bool {
        self.replay.asks_every_step()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::Random;
    use crate::sync::Register;
    use crate::{self as engine, Engine, Limits};

    /// Two tasks that lose an addition in some orders, after that many yields.
    async fn adders(yields: u32) {
        let counter = Register::new("counter", 0);
        let tasks = [0, 1].map(|_| {
            let counter = counter.clone();
            engine::spawn("adder", async move {
                for _ in 0..yields {
                    engine::yield_now().await;
                }
                let seen = counter.read().await;
                counter.write(seen + 1).await;
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(counter.get(), 2, "an addition is lost");
    }

    fn breaking(yields: u32) -> Decisions {
        let mut engine = Engine::new(Limits::default(), Random::new(1));
        for index in 0..100 {
            if !engine.execute(index, adders(yields)).unwrap().panics.is_empty() {
                return engine.decisions();
            }
        }
        panic!("some order loses an addition");
    }

    #[test]
    fn the_first_execution_takes_all_decisions() {
        let decisions = breaking(2);
        let mut engine = Engine::new(Limits::default(), Around::new(decisions.clone(), 1));
        assert_eq!(engine.execute(0, adders(2)).unwrap().panics.len(), 1);
        assert_eq!(engine.decisions(), decisions);
    }

    #[test]
    fn an_execution_follows_from_the_seed_and_its_number() {
        let decisions = breaking(2);
        let fingerprints = |indices: &[u64]| {
            let mut engine = Engine::new(Limits::default(), Around::new(decisions.clone(), 3));
            let mut run = |index: &u64| {
                engine.execute(*index, adders(2)).unwrap();
                (*index, engine.fingerprint())
            };
            indices.iter().map(&mut run).collect::<BTreeMap<_, _>>()
        };
        let all = fingerprints(&[0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(all, fingerprints(&[7, 3, 0, 1, 6, 2, 5, 4]));
        assert!(all.values().collect::<std::collections::BTreeSet<_>>().len() > 3);
    }
}

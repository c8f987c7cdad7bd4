//! Random priorities for events instead of tasks.

use super::random::{Chances, execution_rng};
use crate::engine::{ChoicePoint, Decision, Strategy, TaskId};
use fastrand::Rng;

/// Partial order sampling (Yuan, Yang, Gu, "Partial Order Aware Concurrency Sampling", CAV 2018), the basic algorithm.
///
/// Each segment that can come next has a random priority of its own, and the highest runs. Where a random walk gives a
/// segment that has waited long no better chance than one that has just come up, here a segment keeps what it drew. The
/// full algorithm draws anew for segments in conflict with the one that ran; what a segment will do is not known before it
/// has run, so this is left out.
#[derive(Clone, Debug)]
pub struct Pos {
    seed: u64,
    rng: Rng,
    chances: Chances,
    /// By task number: the priority of its next segment; 0 is none yet.
    priorities: Vec<u32>,
    clock: u32,
}

impl Pos {
    /// Random priorities from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let rng = Rng::with_seed(seed);
        Self { seed, rng, chances: Chances::default(), priorities: Vec::new(), clock: 0 }
    }

    fn priority(&mut self, task: TaskId) -> &mut u32 {
        if task == TaskId::CLOCK {
            return &mut self.clock;
        }
        if self.priorities.len() <= task.index() {
            self.priorities.resize(task.index() + 1, 0);
        }
        &mut self.priorities[task.index()]
    }
}

impl Strategy for Pos {
    fn begin(&mut self, index: u64) -> bool {
        self.rng = execution_rng(self.seed, index);
        self.chances = Chances::draw(&mut self.rng);
        self.priorities.clear();
        self.clock = 0;
        true
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        let mut best = (0, at.default_task());
        for task in at.candidates() {
            if *self.priority(task) == 0 {
                *self.priority(task) = self.rng.u32(1..);
            }
            best = best.max((*self.priority(task), task));
        }
        *self.priority(best.1) = 0;
        best.1
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        self.chances.choose(&mut self.rng, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{self, Engine, Limits};

    #[test]
    fn a_single_segment_comes_late_as_often_as_early() {
        // Among 10 segments of another task, a random walk runs it last once in 1,024 times. With priorities it is last if
        // it drew the lowest of 11.
        let mut engine = Engine::new(Limits::default(), Pos::new(1));
        let runs = 11_000_u64;
        let mut last = 0_u64;
        for index in 0..runs {
            let main = async {
                engine::spawn("long", async {
                    for _ in 0..9 {
                        engine::yield_now().await;
                    }
                });
                engine::spawn("short", async {});
            };
            engine.execute(index, main).unwrap();
            last += u64::from(engine.trace().last() == Some(TaskId::from_index(2)));
        }
        assert!((900..1100).contains(&last), "{last}");
    }
}

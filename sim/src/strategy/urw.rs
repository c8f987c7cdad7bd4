//! A random walk that is uniform over interleavings instead of over steps.

use super::random::{Block, Chances, execution_rng};
use crate::engine::{ChoicePoint, Decision, Strategy, TaskId, TaskKey};
use fastrand::Rng;
use std::collections::BTreeMap;

/// Uniform random walk with estimates (Zhao, Wolff, Mathur, Roychoudhury, "Selectively Uniform Concurrency Testing",
/// ASPLOS 2025).
///
/// Each step goes to a task with a probability in proportion to how many segments the task is expected to have left. If the
/// expectations are right and tasks do not wait for one another, every interleaving is equally likely: a long task does not
/// drown a short one. They are the most segments that the task had in any execution of the same [block](Block) before; in
/// a block's first execution all tasks count alike.
#[derive(Clone, Debug)]
pub struct Urw {
    seed: u64,
    rng: Rng,
    chances: Chances,
    block: Block,
    lengths: BTreeMap<TaskKey, u32>,
    /// Of this execution, by task number: the key and the expected length.
    known: Vec<Option<(TaskKey, u32)>>,
    /// Of this execution, by task number: segments run, as far as it was seen.
    run: Vec<u32>,
    weights: Vec<(u32, TaskId)>,
}

impl Urw {
    /// A walk from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            rng: Rng::with_seed(seed),
            chances: Chances::default(),
            block: Block::default(),
            lengths: BTreeMap::new(),
            known: Vec::new(),
            run: Vec::new(),
            weights: Vec::new(),
        }
    }

    /// Learns from the execution that has ended.
    fn learn(&mut self) {
        for (known, run) in self.known.iter().zip(&self.run) {
            if let Some((key, _)) = known {
                let length = self.lengths.entry(*key).or_default();
                *length = (*run).max(*length);
            }
        }
    }

    fn left(&mut self, at: &Decision<'_>, task: TaskId) -> u32 {
        if task == TaskId::CLOCK {
            return 1;
        }
        let index = task.index();
        if self.known.len() <= index {
            self.known.resize(index + 1, None);
            self.run.resize(index + 1, 0);
        }
        let run = at.segments(task);
        // The one that can run now is one more.
        self.run[index] = run + 1;
        let lengths = &self.lengths;
        let (_, expected) = *self.known[index].get_or_insert_with(|| {
            let key = at.key(task);
            (key, lengths.get(&key).copied().unwrap_or(1))
        });
        expected.saturating_sub(run).max(1)
    }
}

impl Strategy for Urw {
    fn begin(&mut self, index: u64) -> bool {
        if self.block.goes_on(index) {
            self.learn();
        } else {
            self.lengths.clear();
        }
        self.rng = execution_rng(self.seed, index);
        self.chances = Chances::draw(&mut self.rng);
        self.known.clear();
        self.run.clear();
        true
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        let mut weights = std::mem::take(&mut self.weights);
        weights.clear();
        weights.extend(at.candidates().map(|task| (self.left(at, task), task)));
        let total: u64 = weights.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let mut drawn = self.rng.u64(..total);
        let found = weights.iter().find(|(weight, _)| {
            let weight = u64::from(*weight);
            let here = drawn < weight;
            drawn = drawn.saturating_sub(weight);
            here
        });
        let task = found.map_or(at.default_task(), |(_, task)| *task);
        self.weights = weights;
        task
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
    fn interleavings_are_about_equally_likely() {
        let main = || async {
            for yields in [1, 4] {
                engine::spawn("task", async move {
                    for _ in 0..yields {
                        engine::yield_now().await;
                    }
                });
            }
        };
        let mut engine = Engine::new(Limits::default(), Urw::new(5));
        let mut seen = BTreeMap::<Vec<TaskId>, u32>::new();
        let mut total = 0;
        for index in 0..30_000 {
            engine.execute(index, main()).unwrap();
            // A block's first executions only learn.
            if index % Block::SIZE > 3 {
                *seen.entry(engine.trace().collect()).or_default() += 1;
                total += 1;
            }
        }
        // 2 segments among 5: 7 over 2.
        assert_eq!(seen.len(), 21);
        let expected = f64::from(total) / 21.0;
        let chi: f64 = seen.values().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
        // The 99.9th percentile of the chi-square distribution with 20 degrees of freedom.
        assert!(chi < 45.3, "{chi} {seen:?}");
    }
}

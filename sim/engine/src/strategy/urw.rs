//! A random walk that is uniform over interleavings instead of over steps.

use std::collections::BTreeMap;

use super::block::LearningBlock;
use super::seeded::Seeded;
use crate::{ChoicePoint, Decision, Strategy, TaskId, TaskKey};

/// Uniform random walk with estimates (Zhao, Wolff, Mathur, Roychoudhury, "Selectively Uniform
/// Concurrency Testing", ASPLOS 2025).
///
/// Each step goes to a task with a probability in proportion to how many segments the task is
/// expected to have left. If the expectations are right and tasks do not wait for one another,
/// every interleaving is equally likely: a long task does not drown a short one. What a task is
/// still to spawn counts as its own, or tasks spawned late would run late.
///
/// A task's expected length is what it had in the first execution of the same
/// [block](LearningBlock), in which all tasks count alike.
#[derive(Clone, Debug)]
pub struct Urw {
    seeded: Seeded,
    block: LearningBlock,
    /// Whether this is a block's first execution.
    learns: bool,
    /// Segments of a task and of all that it spawns.
    lengths: BTreeMap<TaskKey, u32>,
    /// Of this execution, by task number.
    known: Vec<TaskEstimate>,
    /// The tasks of this execution by the key that their next child will have.
    spawners: BTreeMap<TaskKey, usize>,
    weights: Vec<(u32, TaskId)>,
}

#[derive(Clone, Copy, Debug)]
struct TaskEstimate {
    key: TaskKey,
    parent: Option<usize>,
    children: u32,
    /// Its own segments, and those of the tasks that it is still to spawn.
    expected: u32,
    /// Segments run, as last seen.
    run: u32,
    /// Segments of all that it spawned.
    spawned: u32,
}

impl Urw {
    /// A walk from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seeded: Seeded::new(seed),
            block: LearningBlock::default(),
            learns: false,
            lengths: BTreeMap::new(),
            known: Vec::new(),
            spawners: BTreeMap::new(),
            weights: Vec::new(),
        }
    }

    /// Learns from the execution that has ended: a block's first.
    fn learn(&mut self) {
        // Children have higher numbers than their parents.
        for number in (0..self.known.len()).rev() {
            let TaskEstimate { key, parent, run, spawned, .. } = self.known[number];
            let length = run + spawned;
            self.lengths.insert(key, length);
            if let Some(parent) = parent {
                self.known[parent].spawned += length;
            }
        }
    }

    /// Takes up the tasks that have been spawned since, up to this number.
    fn meet(&mut self, at: &Decision<'_>, upto: usize) {
        while let Ok(number) = u32::try_from(self.known.len())
            && self.known.len() <= upto
        {
            let key = at.key(TaskId::from_index(number));
            let number = self.known.len();
            let parent = self.spawners.remove(&key);
            let expected = self.lengths.get(&key).copied().unwrap_or(1);
            if let Some(parent) = parent {
                let known = &mut self.known[parent];
                known.children += 1;
                known.expected = known.expected.saturating_sub(expected);
                self.spawners.insert(known.key.child(known.children), parent);
            }
            self.spawners.insert(key.child(0), number);
            self.known.push(TaskEstimate {
                key,
                parent,
                children: 0,
                expected,
                run: 0,
                spawned: 0,
            });
        }
    }

    fn left(&mut self, at: &Decision<'_>, task: TaskId) -> u32 {
        if task == TaskId::CLOCK {
            return 1;
        }
        let run = at.segments(task);
        let known = &mut self.known[task.index()];
        // The one that can run now is one more.
        known.run = run + 1;
        known.expected.saturating_sub(run).max(1)
    }
}

impl Strategy for Urw {
    fn begin(&mut self, index: u64) -> bool {
        if self.block.goes_on(index) {
            if self.learns {
                self.learn();
            }
            self.learns = false;
        } else {
            self.lengths.clear();
            self.learns = true;
        }
        self.seeded.begin(index);
        self.known.clear();
        self.spawners.clear();
        true
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        let mut weights = std::mem::take(&mut self.weights);
        weights.clear();
        weights.extend(at.candidates().map(|task| (1, task)));
        if let Some((_, last)) = weights.iter().rfind(|(_, task)| *task != TaskId::CLOCK) {
            self.meet(at, last.index());
        }
        for (weight, task) in &mut weights {
            *weight = self.left(at, *task);
        }
        let total: u64 = weights.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let mut drawn = self.seeded.rng.u64(..total);
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
        self.seeded.choose(at)
    }

    fn asks_every_step(&self) -> bool {
        self.learns
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::future::BoxFuture;

    use super::*;
    use crate::{self as engine, Engine, Limits};

    /// Chi-square of how often each interleaving was run, against equal chances, and how many
    /// interleavings there were. A block's first executions only learn, and do not count.
    fn chi_square(main: fn() -> BoxFuture<'static, ()>) -> (f64, usize) {
        let mut engine = Engine::new(Limits::default(), Urw::new(5));
        let mut seen = BTreeMap::<Vec<TaskId>, u32>::new();
        let mut total = 0;
        for index in 0..30_000 {
            engine.execute(index, main()).unwrap();
            if index % LearningBlock::SIZE > 3 {
                *seen.entry(engine.trace().collect()).or_default() += 1;
                total += 1;
            }
        }
        let expected = f64::from(total) / f64::from(u32::try_from(seen.len()).unwrap());
        (seen.values().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum(), seen.len())
    }

    #[test]
    fn interleavings_are_about_equally_likely() {
        let (chi, interleavings) = chi_square(|| {
            async {
                for yields in [1, 4] {
                    engine::spawn("task", yield_times(yields));
                }
            }
            .boxed()
        });
        // 2 segments among 5: 7 over 2.
        assert_eq!(interleavings, 21);
        // The 99.9th percentile of the chi-square distribution with 20 degrees of freedom.
        assert!(chi < 45.3, "{chi}");
    }

    #[test]
    fn a_task_spawned_late_does_not_run_late() {
        let (chi, interleavings) = chi_square(|| {
            async {
                engine::spawn("early", yield_times(3));
                engine::spawn("parent", async {
                    engine::yield_now().await;
                    engine::spawn("late", yield_times(3));
                });
            }
            .boxed()
        });
        // The early task's 4 segments among the parent's 2 and the late one's 4 after them: 10 over
        // 4.
        assert_eq!(interleavings, 210);
        // The 99.9th percentile of the chi-square distribution with 209 degrees of freedom.
        assert!(chi < 277.0, "{chi}");
    }

    async fn yield_times(times: u32) {
        for _ in 0..times {
            engine::yield_now().await;
        }
    }
}

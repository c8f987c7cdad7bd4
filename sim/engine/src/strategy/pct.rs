//! Random priorities with few changes: finds bugs that need few ordering constraints, with a stated
//! probability.

use super::block::LearningBlock;
use super::seeded::Seeded;
use crate::{ChoicePoint, Decision, Strategy, TaskId};

/// Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte, "A Randomized
/// Scheduler with Probabilistic Guarantees of Finding Bugs", ASPLOS 2010).
///
/// Each task gets a random priority when it first can run, and of those that can run the one of
/// highest priority does. In every other execution the main task's is the highest, because tasks
/// can only meet once all of them have been spawned. At `depth - 1` steps, drawn at random, the
/// task that would run falls below all others. A bug of that depth (one that `depth` ordering
/// constraints make certain) in a program of `n` tasks and `k` decisions is found by one execution
/// with a probability of at least `1 / (n * k^(depth-1))`.
///
/// The number of decisions is the most that any execution of the same [block](LearningBlock) had
/// before.
#[derive(Clone, Debug)]
pub struct Pct {
    seeded: Seeded,
    depth: u32,
    block: LearningBlock,
    /// By task number: 0 is none yet, and the greatest goes first.
    priorities: Vec<u64>,
    clock: u64,
    changes: Vec<u64>,
    /// Priorities below this are those of tasks that have fallen, the latest lowest.
    floor: u64,
    decisions: u64,
    most: u64,
}

impl Pct {
    /// How many decisions the first execution of a block is taken to have.
    const GUESS: u64 = 32;
    const FLOOR: u64 = 1 << 32;

    /// Random priorities that change `depth - 1` times.
    #[must_use]
    pub fn new(seed: u64, depth: u32) -> Self {
        Self {
            seeded: Seeded::new(seed),
            depth,
            block: LearningBlock::default(),
            priorities: Vec::new(),
            clock: 0,
            changes: Vec::new(),
            floor: Self::FLOOR,
            decisions: 0,
            most: 0,
        }
    }

    /// Takes note that there was a decision, which another strategy took.
    pub(super) fn note_decision(&mut self) {
        self.decisions += 1;
    }

    fn priority(&mut self, task: TaskId) -> u64 {
        let slot = if task == TaskId::CLOCK {
            &mut self.clock
        } else {
            if self.priorities.len() <= task.index() {
                self.priorities.resize(task.index() + 1, 0);
            }
            &mut self.priorities[task.index()]
        };
        if *slot == 0 {
            *slot = self.seeded.rng.u64(Self::FLOOR..);
        }
        *slot
    }

    fn highest(&mut self, at: &Decision<'_>) -> TaskId {
        let best = at.candidates().map(|task| (self.priority(task), task)).max();
        best.map_or(at.default_task(), |(_, task)| task)
    }
}

impl Strategy for Pct {
    fn begin(&mut self, index: u64) -> bool {
        self.most = if self.block.goes_on(index) { self.most.max(self.decisions) } else { 0 };
        self.seeded.begin(index);
        self.priorities.clear();
        if self.seeded.rng.bool() {
            self.priorities.push(u64::MAX); // the main task's
        }
        self.clock = 0;
        self.floor = Self::FLOOR;
        self.decisions = 0;
        let range = if self.most == 0 { Self::GUESS } else { self.most };
        self.changes.clear();
        for _ in 1..self.depth {
            self.changes.push(self.seeded.rng.u64(..range));
        }
        true
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        let mut task = self.highest(at);
        let falls = self.changes.iter().filter(|change| **change == self.decisions).count();
        for _ in 0..falls {
            self.floor -= 1;
            if task == TaskId::CLOCK {
                self.clock = self.floor;
            } else {
                self.priorities[task.index()] = self.floor;
            }
            task = self.highest(at);
        }
        self.decisions += 1;
        task
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        self.seeded.choose(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{self as engine, Engine, Limits, sync::Register};

    /// A bug of depth 2: one write must come after another task's last of many.
    async fn late_write(steps: u32) {
        let cell = Register::new("cell", 0);
        let other = cell.clone();
        engine::spawn("long", async move {
            for i in 1..=steps {
                other.write(i).await;
            }
        });
        engine::spawn("short", async move {
            assert_ne!(cell.read().await, steps, "found");
        });
    }

    #[test]
    fn a_bug_of_depth_two_is_found_as_often_as_promised() {
        let mut engine = Engine::new(Limits::default(), Pct::new(11, 2));
        let runs = 4000;
        let found = (0..runs)
            .filter(|i| !engine.execute(*i, late_write(25)).unwrap().panics.is_empty())
            .count();
        // Three tasks, and at most 60 decisions.
        assert!(found as u64 * 3 * 60 >= runs, "{found}");
    }

    /// A bug of depth 3: the first of two reads comes right after a certain write, the second after
    /// all of them.
    async fn early_then_late() {
        let cell = Register::new("cell", 0);
        let other = cell.clone();
        engine::spawn("long", async move {
            for i in 1..=8 {
                other.write(i).await;
            }
        });
        engine::spawn("short", async move {
            let seen = [cell.read().await, cell.read().await];
            assert_ne!(seen, [4, 8], "found");
        });
    }

    #[test]
    fn a_bug_of_depth_three_is_found_as_often_as_promised() {
        let mut engine = Engine::new(Limits::default(), Pct::new(12, 3));
        let runs = 12_000;
        let found = (0..runs)
            .filter(|i| !engine.execute(*i, early_then_late()).unwrap().panics.is_empty())
            .count();
        // Three tasks, and at most 15 decisions.
        assert!(found as u64 * 3 * 15 * 15 >= runs, "{found}");
    }

    #[test]
    fn without_changes_a_task_runs_until_it_waits() {
        let mut engine = Engine::new(Limits::default(), Pct::new(3, 1));
        for index in 0..50 {
            let main = async {
                for _ in 0..3 {
                    engine::spawn("task", async {
                        for _ in 0..4 {
                            engine::yield_now().await;
                        }
                    });
                }
            };
            engine.execute(index, main).unwrap();
            let trace: Vec<_> = engine.trace().skip(1).collect();
            let switches = trace.windows(2).filter(|pair| pair[0] != pair[1]).count();
            assert_eq!((trace.len(), switches), (15, 2));
        }
    }
}

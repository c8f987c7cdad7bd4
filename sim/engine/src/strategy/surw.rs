//! A random walk that is uniform over the interleavings of what matters.

use super::profile::Profile;
use super::seeded::Seeded;
use crate::{ChoicePoint, Decision, Observer, Segment, Strategy, TaskId, TaskKey};

/// Selectively uniform random walk (Zhao, Wolff, Mathur, Roychoudhury, "Selectively Uniform
/// Concurrency Testing", ASPLOS 2025).
///
/// Each execution takes one object that tasks contend for, and makes every order of the segments
/// that use it equally likely, however many others each task has besides. A task is meant to take
/// the next of those segments, with a probability in proportion to how many of them it has left;
/// until it does, the others run at random as far as they would not.
///
/// Which segments use the object is known from the first execution of the
/// [block](super::LearningBlock), which is random. Tasks that wait are not meant; if all that can
/// run would be held back, another task is.
#[derive(Clone, Debug)]
pub struct Surw {
    seeded: Seeded,
    profile: Profile,
    /// The segments that matter in this execution, by task and in order.
    matter: Vec<(TaskKey, Vec<u32>)>,
    /// Where a task's are among them, by its number.
    places: Vec<Option<usize>>,
    /// The task that is to take the next of them.
    meant: Option<TaskId>,
    free: Vec<TaskId>,
}

impl Surw {
    /// A walk from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seeded: Seeded::new(seed),
            profile: Profile::default(),
            matter: Vec::new(),
            places: Vec::new(),
            meant: None,
            free: Vec::new(),
        }
    }

    /// Takes up the tasks that can run and have not been seen.
    fn meet(&mut self, at: &Decision<'_>) {
        let last = at.candidates().filter(|task| *task != TaskId::CLOCK).last();
        let Some(last) = last else { return };
        while let Ok(number) = u32::try_from(self.places.len())
            && self.places.len() <= last.index()
        {
            let key = at.key(TaskId::from_index(number));
            self.places.push(self.matter.binary_search_by_key(&key, |(task, _)| *task).ok());
        }
    }

    /// How many segments that matter a task has left, and whether the next is one.
    fn left(&self, at: &Decision<'_>, task: TaskId) -> (u64, bool) {
        if task == TaskId::CLOCK {
            return (0, false);
        }
        let Some(place) = self.places[task.index()] else { return (0, false) };
        let (_, segments) = &self.matter[place];
        let next = at.segments(task);
        let past = segments.partition_point(|segment| *segment < next);
        ((segments.len() - past) as u64, segments.get(past) == Some(&next))
    }

    /// Draws the task that is to take the next segment that matters.
    fn mean(&mut self, at: &Decision<'_>) {
        let total: u64 = at.candidates().map(|task| self.left(at, task).0).sum();
        self.meant = None;
        if total == 0 {
            return;
        }
        let mut drawn = self.seeded.rng.u64(..total);
        for task in at.candidates() {
            let (left, _) = self.left(at, task);
            if drawn < left {
                self.meant = Some(task);
                return;
            }
            drawn -= left;
        }
    }

    /// Those that may run: not those whose next segment matters, but for the one that is meant.
    fn find_free(&mut self, at: &Decision<'_>) {
        let mut free = std::mem::take(&mut self.free);
        free.clear();
        free.extend(
            at.candidates().filter(|task| self.meant == Some(*task) || !self.left(at, *task).1),
        );
        self.free = free;
    }
}

impl Strategy for Surw {
    fn begin(&mut self, index: u64) -> bool {
        self.seeded.begin(index);
        self.meant = None;
        self.matter.clear();
        self.places.clear();
        self.profile.begin(index);
        let contested = self.profile.contested();
        if !contested.is_empty() {
            let object = contested[self.seeded.index(contested.len())];
            self.matter = self.profile.segments_with(object);
        }
        true
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        if self.matter.is_empty() {
            return at.sample(|len| self.seeded.rng.u32(..len));
        }
        self.meet(at);
        if self.meant.is_none_or(|task| self.left(at, task).0 == 0) {
            self.mean(at);
        }
        self.find_free(at);
        if self.free.is_empty() {
            // The intended task waits, and all others are held back.
            self.mean(at);
            self.find_free(at);
        }
        if self.free.is_empty() {
            return at.default_task();
        }
        let task = self.free[self.seeded.index(self.free.len())];
        if self.left(at, task).1 {
            self.meant = None;
        }
        task
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        self.seeded.choose(at)
    }

    fn asks_every_step(&self) -> bool {
        self.profile.learns()
    }

    fn observer(&mut self) -> Option<&mut dyn Observer> {
        if self.profile.learns() { Some(self) } else { None }
    }
}

impl Observer for Surw {
    fn segment(&mut self, segment: &Segment<'_>) {
        self.profile.note(segment);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::strategy::{LearningBlock, Urw};
    use crate::{self as engine, Engine, Limits, Object};

    type Seen = Arc<Mutex<Vec<u32>>>;

    /// Two tasks use one object, 3 times and twice; the first yields 12 times in between.
    async fn program(seen: Seen) {
        let object = Object::new("shared");
        for (task, uses, yields) in [(0, 3, 4), (1, 2, 0)] {
            let seen = Arc::clone(&seen);
            engine::spawn("task", async move {
                for _ in 0..uses {
                    object.write();
                    seen.lock().unwrap().push(task);
                    for _ in 0..=yields {
                        engine::yield_now().await;
                    }
                }
            });
        }
    }

    /// The chi-square statistic of the orders of the five uses, against all ten being equally
    /// likely.
    fn chi_square(strategy: impl Strategy) -> f64 {
        let mut engine = Engine::new(Limits::default(), strategy);
        let mut orders = BTreeMap::<Vec<u32>, u32>::new();
        let mut total = 0;
        for index in 0..16_000 {
            let seen = Seen::default();
            engine.execute(index, program(Arc::clone(&seen))).unwrap();
            // A block's first executions only learn.
            if index % LearningBlock::SIZE > 3 {
                *orders.entry(seen.lock().unwrap().clone()).or_default() += 1;
                total += 1;
            }
        }
        assert_eq!(orders.len(), 10);
        let expected = f64::from(total) / 10.0;
        orders.values().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum()
    }

    #[test]
    fn orders_of_the_chosen_segments_are_equally_likely() {
        // The 99.9th percentile of the chi-square distribution with 9 degrees of freedom.
        let (selective, unselective) = (chi_square(Surw::new(6)), chi_square(Urw::new(6)));
        assert!(selective < 27.9, "{selective}");
        // A walk that is uniform over all segments is not uniform over these.
        assert!(unselective > 27.9, "{unselective}");
    }

    #[test]
    fn a_block_gives_the_same_again() {
        let run = || {
            let mut engine = Engine::new(Limits::default(), Surw::new(2));
            let mut run = |index| {
                engine.execute(index, program(Seen::default())).unwrap();
                engine.fingerprint()
            };
            (32..64).map(&mut run).collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
    }
}

//! Watching an execution while another strategy decides.

use std::collections::BTreeMap;

use crate::{ChoicePoint, Decision, Mode, ObjectId, Observer, Segment, Strategy, TaskId, TaskKey};

/// Asks another strategy, and notes the steps of the last execution.
#[derive(Debug)]
pub struct Watched<S> {
    decides: S,
    order: Vec<TaskKey>,
    races: Races,
}

impl<S: Strategy> Watched<S> {
    /// Watches the executions that `decides` decides.
    #[must_use]
    pub fn new(decides: S) -> Self {
        Self { decides, order: Vec::new(), races: Races::default() }
    }

    /// The task of each step, the clock's included.
    #[must_use]
    pub fn order(&self) -> &[TaskKey] {
        &self.order
    }

    /// Whether two steps of different tasks used one object, not both to read it, while either
    /// could have come first.
    #[must_use]
    pub fn raced(&self) -> bool {
        self.races.found
    }
}

/// Which steps could have come in the other order, and would have been noticed to.
#[derive(Debug, Default)]
struct Races {
    /// For each task that can run: the accesses of others since it could.
    passed_over: BTreeMap<TaskId, Vec<(ObjectId, Mode)>>,
    /// Those that can run at the step to come.
    ready: Vec<TaskId>,
    found: bool,
}

impl Races {
    fn clear(&mut self) {
        self.passed_over.clear();
        self.ready.clear();
        self.found = false;
    }

    fn segment(&mut self, segment: &Segment<'_>) {
        let used: Vec<(ObjectId, Mode)> = segment.accesses().collect();
        // A step that is not in conflict with those passed over could have come before them, and so
        // may the next be.
        let before = self.passed_over.get(&segment.task).into_iter().flatten();
        self.found |= before.into_iter().any(|(object, mode)| {
            used.iter().any(|(own, how)| own == object && how.conflicts(*mode))
        });
        if segment.task == TaskId::CLOCK {
            self.passed_over.clear();
        }
        for task in self.ready.drain(..).filter(|task| *task != segment.task) {
            self.passed_over.entry(task).or_default().extend(&used);
        }
    }
}

impl<S: Strategy> Strategy for Watched<S> {
    fn begin(&mut self, index: u64) -> bool {
        self.order.clear();
        self.races.clear();
        self.decides.begin(index)
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        if !self.races.found {
            self.races.ready.clear();
            self.races.ready.extend(at.ready().iter());
            // A task that waited may have been enabled by an earlier step.
            self.races.passed_over.retain(|task, _| at.contains(*task));
        }
        let asks = at.len() > 1 || self.decides.asks_every_step();
        if asks { self.decides.pick(at) } else { at.default_task() }
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        self.decides.choose(at)
    }

    fn cut_short(&mut self) {
        self.decides.cut_short();
    }

    fn end(&mut self) {
        self.decides.end();
    }

    fn asks_every_step(&self) -> bool {
        true
    }

    fn observer(&mut self) -> Option<&mut dyn Observer> {
        Some(self)
    }
}

impl<S: Strategy> Observer for Watched<S> {
    fn segment(&mut self, segment: &Segment<'_>) {
        self.order.push(segment.key);
        if !self.races.found {
            self.races.segment(segment);
        }
        if let Some(observer) = self.decides.observer() {
            observer.segment(segment);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::Random;
    use crate::sync::Register;
    use crate::{self as engine, Engine, Limits};

    /// Whether there was a race in each of some executions, and whether there was in any.
    fn races<F: Future<Output = ()> + Send + 'static>(main: impl Fn() -> F) -> (bool, bool) {
        let mut engine = Engine::new(Limits::default(), Watched::new(Random::new(3)));
        let mut all = (true, false);
        for index in 0..50 {
            let outcome = engine.execute(index, main()).unwrap();
            let watched = engine.strategy::<Watched<Random>>().unwrap();
            assert_eq!(watched.order().len() as u64, outcome.steps);
            all = (all.0 && watched.raced(), all.1 || watched.raced());
        }
        all
    }

    async fn two(shared: bool, writes: bool) {
        let cells = [Register::new("one", 0), Register::new("two", 0)];
        for task in 0..2 {
            let cell = cells[if shared { 0 } else { task }].clone();
            engine::spawn("task", async move {
                if writes {
                    cell.write(1).await;
                } else {
                    cell.read().await;
                }
            });
        }
    }

    #[test]
    fn a_race_takes_two_tasks_one_object_and_a_write() {
        assert_eq!(races(|| two(true, true)), (true, true));
        assert_eq!(races(|| two(true, false)), (false, false));
        assert_eq!(races(|| two(false, true)), (false, false));
    }

    #[test]
    fn steps_with_one_possible_order_do_not_race() {
        let main = || async {
            let cell = Register::new("cell", 0);
            let other = cell.clone();
            let task = engine::spawn("task", async move { other.write(1).await });
            task.await.unwrap();
            cell.write(2).await;
        };
        assert_eq!(races(main), (false, false));
    }

    #[test]
    fn watching_changes_nothing() {
        for seed in 0..50 {
            let mut plain = Engine::new(Limits::default(), Random::new(seed));
            let mut watched = Engine::new(Limits::default(), Watched::new(Random::new(seed)));
            for index in 0..3 {
                plain.execute(index, two(true, true)).unwrap();
                watched.execute(index, two(true, true)).unwrap();
                assert_eq!(plain.fingerprint(), watched.fingerprint());
            }
        }
    }
}

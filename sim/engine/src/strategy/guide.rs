//! Following an order of steps as far as possible.

use crate::decision::Decisions;
use crate::strategy::Replay;
use crate::{ChoicePoint, Decision, Observer, Segment, Strategy, TaskId, TaskKey};

/// How many steps ahead it looks for one that can be taken.
const AHEAD: usize = 200;

/// Takes the steps of an order: always the first one left that can be taken. When none can, or none
/// is left, the default applies. Values and faults are those of given decisions.
///
/// A [`Replay`] keeps to what was decided. This keeps to the order of the tasks, even if a step was
/// moved.
#[derive(Debug)]
pub struct Guide {
    order: Vec<TaskKey>,
    /// Whether a step of the order was taken, by place.
    taken: Vec<bool>,
    /// All before this place were.
    first: usize,
    values: Replay,
}

impl Guide {
    /// Follows `order`; values are those of the decisions.
    #[must_use]
    pub fn new(order: Vec<TaskKey>, values: Decisions) -> Self {
        let taken = vec![false; order.len()];
        Self { order, taken, first: 0, values: Replay::new(values) }
    }

    /// The places of the next steps that are left.
    fn left(&self) -> impl Iterator<Item = usize> + '_ {
        (self.first..self.order.len()).filter(|place| !self.taken[*place]).take(AHEAD)
    }
}

impl Strategy for Guide {
    fn begin(&mut self, index: u64) -> bool {
        self.taken.fill(false);
        self.first = 0;
        self.values.begin(index)
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        let candidates: Vec<(TaskKey, TaskId)> =
            at.candidates().map(|task| (at.key(task), task)).collect();
        let of = |place: usize| {
            candidates.iter().find(|(key, _)| *key == self.order[place]).map(|(_, task)| *task)
        };
        self.left().find_map(of).unwrap_or_else(|| at.default_task())
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        self.values.choose(at)
    }

    fn observer(&mut self) -> Option<&mut dyn Observer> {
        Some(self)
    }
}

impl Observer for Guide {
    fn segment(&mut self, segment: &Segment<'_>) {
        let place = self.left().find(|place| self.order[*place] == segment.key);
        if let Some(place) = place {
            self.taken[place] = true;
        }
        while self.taken.get(self.first) == Some(&true) {
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::Random;
    use crate::strategy::watched::Watched;
    use crate::{self as engine, Engine, Limits};

    async fn program() {
        for yields in 1..4 {
            engine::spawn("task", async move {
                for _ in 0..yields {
                    engine::sleep(1).await;
                    engine::yield_now().await;
                }
            });
        }
    }

    #[test]
    fn the_order_of_an_execution_gives_that_execution() {
        let mut engine = Engine::new(Limits::default(), Watched::new(Random::new(8)));
        for index in 0..100 {
            engine.set_strategy(Watched::new(Random::new(8)));
            engine.execute(index, program()).unwrap();
            let order = engine.strategy::<Watched<Random>>().unwrap().order().to_vec();
            let fingerprint = engine.fingerprint();
            engine.set_strategy(Guide::new(order, engine.decisions()));
            engine.execute(0, program()).unwrap();
            assert_eq!(engine.fingerprint(), fingerprint);
        }
    }

    #[test]
    fn impossible_steps_are_skipped() {
        let nobody = TaskKey::MAIN.child(77);
        let child = |n| TaskKey::MAIN.child(n);
        let order = vec![nobody, child(2), TaskKey::MAIN, child(1), child(0)];
        let mut engine = Engine::new(Limits::default(), Guide::new(order, Decisions::default()));
        engine.execute(0, program()).unwrap();
        let trace: Vec<usize> = engine.trace().take(4).map(TaskId::index).collect();
        assert_eq!(trace, [0, 3, 2, 1]);
    }
}

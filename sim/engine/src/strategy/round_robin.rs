//! Every task in turn.

use super::seeded::Seeded;
use crate::{ChoicePoint, Decision, Strategy, TaskId};

/// A fair schedule: after each segment the next higher task that can run does, around the circle.
/// Values and faults are random.
///
/// No task starves, so an execution that does not end under it ends under no fair scheduler.
#[derive(Clone, Debug)]
pub struct RoundRobin {
    seeded: Seeded,
}

impl RoundRobin {
    /// Turns in order; values from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seeded: Seeded::new(seed) }
    }
}

impl Strategy for RoundRobin {
    fn begin(&mut self, index: u64) -> bool {
        self.seeded.begin(index);
        true
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        let next = at.candidates().find(|task| *task > at.current());
        next.or_else(|| at.ready().first()).unwrap_or_else(|| at.default_task())
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        self.seeded.choose(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{self as engine, Engine, Limits};

    #[test]
    fn turns_are_in_order() {
        let mut engine = Engine::new(Limits::default(), RoundRobin::new(0));
        let main = async {
            for _ in 0..3 {
                engine::spawn("task", async { engine::yield_now().await });
            }
        };
        engine.execute(0, main).unwrap();
        let trace: Vec<_> = engine.trace().map(TaskId::index).collect();
        assert_eq!(trace, [0, 1, 2, 3, 1, 2, 3]);
    }
}

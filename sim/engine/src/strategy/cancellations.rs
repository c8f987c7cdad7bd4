//! Every await point of one run, each with a task dropped there.

use std::collections::BTreeMap;

use crate::decision::Kind;
use crate::{ChoicePoint, Decision, Limits, Proof, ProofUnit, Strategy, TaskId, TaskKey};

/// The default schedule, and then, for each await point at which a task can be dropped in it, the
/// run in which it is: with `n` await points, `n + 1` executions, one cancellation at most in each.
///
/// A future in Rust is cancelled by being dropped, at any of its await points and nowhere else. So
/// these are all the cancellations that the default order of steps has; other orders are for the
/// other strategies, with the fault that drops tasks. A task that was never polled is at no await
/// point. It needs [`Limits::drops`](crate::Limits::drops) to be at least 1.
#[derive(Clone, Debug, Default)]
pub struct Cancellations {
    /// The await points of the default schedule: the task, and how many of its own came before.
    points: Vec<(TaskKey, u32)>,
    /// The executions begun.
    begun: usize,
    /// Of this execution: how often each task was asked.
    asked: BTreeMap<TaskKey, u32>,
}

impl Cancellations {
    /// From the default schedule on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many await points the default schedule has, once that was run.
    #[must_use]
    pub fn await_points(&self) -> usize {
        self.points.len()
    }

    /// How many executions have been run.
    #[must_use]
    pub fn cases(&self) -> u64 {
        self.begun.min(self.points.len() + 1) as u64
    }

    /// Whether all have been.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.begun > self.points.len() + 1
    }
}

impl Strategy for Cancellations {
    fn begin(&mut self, _index: u64) -> bool {
        self.asked.clear();
        self.begun += 1;
        self.begun <= self.points.len() + 1
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        at.default_task()
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        if at.kind != Kind::Drop {
            return 0;
        }
        let count = self.asked.entry(at.key).or_default();
        let point = (at.key, *count);
        *count += 1;
        match self.begun.checked_sub(2) {
            None => {
                self.points.push(point);
                0
            }
            Some(case) => u32::from(self.points[case] == point),
        }
    }

    fn proof(&self, _limits: &Limits) -> Option<Proof> {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let estimate = self.await_points() as f64 + 1.0;
        let bounds =
            ["the default order of steps", "one task dropped at one await point", "no fault"];
        Some(Proof {
            complete: self.is_complete(),
            unit: ProofUnit::Cases,
            count: self.cases(),
            estimate,
            bounds: bounds.map(str::to_owned).to_vec(),
            gap: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::{self as engine, Engine, Limits};

    /// How far each of two tasks came, in each execution.
    fn cases(awaits: [u32; 2]) -> Vec<[u32; 2]> {
        let limits = Limits { drops: 1, ..Limits::default() };
        let mut engine = Engine::new(limits, Cancellations::new());
        let mut all = Vec::new();
        loop {
            let steps = Arc::new(Mutex::new([0, 0]));
            let main = {
                let steps = Arc::clone(&steps);
                async move {
                    for (task, awaits) in awaits.into_iter().enumerate() {
                        let steps = Arc::clone(&steps);
                        let work = async move {
                            for _ in 0..awaits {
                                engine::yield_now().await;
                                steps.lock().unwrap()[task] += 1;
                            }
                        };
                        engine::Builder::new("task").droppable().spawn(work);
                    }
                }
            };
            if engine.execute(0, main).is_none() {
                return all;
            }
            all.push(*steps.lock().unwrap());
        }
    }

    #[test]
    fn one_run_for_each_await_point_and_one_without() {
        assert_eq!(cases([3, 0]), [[3, 0], [0, 0], [1, 0], [2, 0]]);
        assert_eq!(cases([2, 2]), [[2, 2], [0, 2], [1, 2], [2, 0], [2, 1]]);
        for awaits in 0..10 {
            assert_eq!(cases([awaits, 0]).len(), awaits as usize + 1);
        }
        assert_eq!(cases([0, 0]), [[0, 0]]);
    }
}

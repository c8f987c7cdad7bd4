//! Random priorities for events instead of tasks.

use super::profile::Profile;
use super::seeded::Seeded;
use crate::{ChoicePoint, Decision, Observer, Segment, Strategy, TaskId};

/// Partial order sampling (Yuan, Yang, Gu, "Partial Order Aware Concurrency Sampling", CAV 2018).
///
/// Each segment that can come next has a random priority of its own, and the highest runs. Where a
/// random walk gives a segment that has waited long no better chance than one that has just come
/// up, here a segment keeps what it drew, unless one runs that is in conflict with it: then it
/// draws anew, so that the order of each two that race is decided afresh.
///
/// Which segments are in conflict is known from the first execution of the
/// [block](super::LearningBlock). In it, and where a strategy's executions are no blocks, no
/// segment draws anew: that is the paper's basic algorithm.
#[derive(Clone, Debug)]
pub struct Pos {
    seeded: Seeded,
    /// By task number: the priority of its next segment; 0 is none yet.
    priorities: Vec<u32>,
    clock: u32,
    profile: Profile,
    /// Whether something was learned.
    knows: bool,
}

impl Pos {
    /// Random priorities from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seeded: Seeded::new(seed),
            priorities: Vec::new(),
            clock: 0,
            profile: Profile::default(),
            knows: false,
        }
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

    /// Lets those that race with the segment that `task` takes now draw anew.
    fn forget_races(&mut self, at: &Decision<'_>, task: TaskId) {
        if !self.knows || task == TaskId::CLOCK {
            return;
        }
        let taken = (at.key(task), at.segments(task));
        for other in at.ready().iter().filter(|other| *other != task) {
            if self.profile.conflict(taken, (at.key(other), at.segments(other))) {
                *self.priority(other) = 0;
            }
        }
    }
}

impl Strategy for Pos {
    fn begin(&mut self, index: u64) -> bool {
        self.seeded.begin(index);
        self.priorities.clear();
        self.clock = 0;
        self.knows = self.profile.begin(index);
        true
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        let mut best = (0, at.default_task());
        for task in at.candidates() {
            if *self.priority(task) == 0 {
                *self.priority(task) = self.seeded.rng.u32(1..);
            }
            best = best.max((*self.priority(task), task));
        }
        *self.priority(best.1) = 0;
        self.forget_races(at, best.1);
        best.1
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

impl Observer for Pos {
    fn segment(&mut self, segment: &Segment<'_>) {
        self.profile.note(segment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::LearningBlock;
    use crate::{self as engine, Engine, Limits, Object};

    #[test]
    fn a_single_segment_comes_late_as_often_as_early() {
        // Among 10 segments of another task, a random walk runs it last once in 1,024 times. With
        // priorities it is last if it drew the lowest of 11.
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

    /// How often, of 8,000 executions, a task's one write comes after another's four, of the same
    /// object or of others.
    fn last_of_five(shared: bool) -> u32 {
        let mut engine = Engine::new(Limits::default(), Pos::new(9));
        let (mut last, mut counted) = (0, 0);
        for index in 0.. {
            if counted == 8_000 {
                break;
            }
            let main = async move {
                let (one, two) = (Object::new("one"), Object::new("two"));
                engine::spawn("long", async move {
                    for _ in 0..4 {
                        one.write();
                        engine::yield_now().await;
                    }
                });
                engine::spawn(
                    "short",
                    async move { if shared { one.write() } else { two.write() } },
                );
            };
            engine.execute(index, main).unwrap();
            if index % LearningBlock::SIZE != 0 {
                counted += 1;
                let trace: Vec<usize> = engine.trace().map(TaskId::index).collect();
                let short = trace.iter().position(|task| *task == 2);
                last += u32::from(short.is_some_and(|place| place > 4));
            }
        }
        last
    }

    #[test]
    fn each_race_is_decided_afresh() {
        // Racing, the one write draws against each of the four: it loses all of them once in 16
        // times.
        let racing = last_of_five(true);
        assert!((420..580).contains(&racing), "{racing}");
        // Without a race it keeps what it drew: it is below all four once in 5 times.
        let apart = last_of_five(false);
        assert!((1_450..1_750).contains(&apart), "{apart}");
    }
}

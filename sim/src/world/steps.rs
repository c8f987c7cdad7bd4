//! The steps of a program's execution, for its reader.

use std::mem;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use mapi_sync::BoxFuture;

use super::observed::{Happened, Happening, Observed, SeenStep, Use};
use crate::decision::Decisions;
use crate::engine::{
    ChoicePoint, Decision, Engine, Mode, ObjectId, Observer, Outcome, Segment, Strategy, TaskId,
};
use crate::lock::lock;
use crate::strategy::Replay;

/// A step, before the names of its objects are known.
pub(super) struct LoggedStep {
    seen: SeenStep,
    used: Vec<(ObjectId, Mode)>,
}

/// Replays an execution, and returns its steps. The clock's are none of them.
pub(super) fn logged(
    engine: &mut Engine,
    decisions: &Decisions,
    main: BoxFuture,
) -> (Outcome, Vec<LoggedStep>) {
    let log = StepLog::new(decisions);
    let steps = log.steps();
    let outcome = engine.execute_under(log, main).expect("a replay always runs");
    let steps = mem::take(&mut *lock(&steps));
    (outcome, steps)
}

impl Observed {
    /// Adds the steps of a program, the last execution of `engine`, and what happened between.
    pub(super) fn with_steps(mut self, steps: Vec<LoggedStep>, engine: &Engine) -> Self {
        if steps.is_empty() {
            return self;
        }
        let names = engine.object_names();
        let named = |LoggedStep { seen, used }: LoggedStep| {
            let mut step = seen;
            let own_end = format!("end of {}", engine.task_name(step.task));
            for (object, mode) in used {
                // What the engine tracks for itself has no name.
                let Some(object) = names.get(&object).cloned() else { continue };
                let is_its_end = step.is_last && object == own_end;
                let of_step = Use { object, mode };
                if !is_its_end && !step.uses.contains(&of_step) {
                    step.uses.push(of_step);
                }
            }
            step
        };
        self.steps = steps.into_iter().map(named).collect();
        let decisions = engine.answered().into_iter().map(|answered| {
            let before = self.steps.partition_point(|seen| seen.step < answered.step);
            let what = Happened::Decision(answered.departure);
            (answered.before, Happening { before, step: answered.step, what })
        });
        let notes = engine.notes().iter().map(|note| {
            let before = self.steps.partition_point(|seen| seen.step <= note.step);
            let what = Happened::Note(note.clone());
            (note.answers, Happening { before, step: note.step, what })
        });
        let mut happenings: Vec<_> = notes.chain(decisions).collect();
        happenings.sort_by_key(|(answers, happening)| (happening.before, *answers));
        self.happenings = happenings.into_iter().map(|(_, happening)| happening).collect();
        self
    }
}

/// Replays decisions, and writes the steps down.
pub(super) struct StepLog {
    replay: Replay,
    steps: Arc<Mutex<Vec<LoggedStep>>>,
}

impl StepLog {
    pub(super) fn new(decisions: &Decisions) -> Self {
        Self { replay: Replay::new(decisions.clone()), steps: Arc::default() }
    }

    /// Where the steps are written.
    pub(super) fn steps(&self) -> Arc<Mutex<Vec<LoggedStep>>> {
        Arc::clone(&self.steps)
    }
}

impl Strategy for StepLog {
    fn begin(&mut self, index: u64) -> bool {
        lock(&self.steps).clear();
        self.replay.begin(index)
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        self.replay.pick(at)
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        self.replay.choose(at)
    }

    fn cut_short(&mut self) {
        self.replay.cut_short();
    }

    fn end(&mut self) {
        self.replay.end();
    }

    fn asks_every_step(&self) -> bool {
        self.replay.asks_every_step()
    }

    fn observer(&mut self) -> Option<&mut dyn Observer> {
        Some(self)
    }
}

impl Observer for StepLog {
    fn segment(&mut self, segment: &Segment<'_>) {
        if segment.task == TaskId::CLOCK {
            return;
        }
        let seen = SeenStep {
            at_ms: mapi_sync_engine::clock().load(Ordering::Relaxed),
            step: segment.step,
            task: segment.task,
            uses: Vec::new(),
            spawned: segment.spawned.to_vec(),
            is_last: segment.finished,
        };
        lock(&self.steps).push(LoggedStep { seen, used: segment.accesses().collect() });
    }
}

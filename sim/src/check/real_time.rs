//! Noticing that provider code waits in real time: for a runtime of its own, a blocking call, or a
//! lock that another thread holds.
//!
//! A poll that computes for long is no wait. So what is measured is neither the time that passes
//! nor the time on a processor, but how long the thread slept. Only Linux tells; elsewhere nothing
//! is noticed.

use std::fs;
use std::time::{Duration, Instant};

use crate::decision::Decisions;
use crate::engine::{ChoicePoint, Decision, Engine, Observer, Segment, Strategy, TaskId};
use crate::strategy::Replay;
use crate::world::World;

/// How long a thread must have slept for that to be no accident of the system's.
const LEAST: Duration = Duration::from_micros(500);

/// How many segments of an execution are measured: each takes a few reads of small files.
const MEASURED: u32 = 2_000;

/// A poll in which a task waited in real time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RealTimeWait {
    pub(super) task: String,
    pub(super) slept: Duration,
}

impl RealTimeWait {
    /// Runs the execution of these decisions twice, with engines that `engine` makes, and looks for
    /// a task that waits in both.
    pub(super) fn find(
        world: &World,
        decisions: &Decisions,
        engine: impl Fn(Measured) -> Engine,
    ) -> Option<Self> {
        let measure = || {
            let mut engine = engine(Measured::new(decisions.clone())?);
            world.run(&mut engine, 0);
            let (task, slept) = engine.strategy::<Measured>()?.longest?;
            Some(Self { task: engine.task_name(task).to_owned(), slept })
        };
        let (first, second) = (measure()?, measure()?);
        (first.task == second.task).then_some(first)
    }
}

/// Measures for how long this thread sleeps.
pub(super) struct Stopwatch(Option<Moment>);

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self(Moment::now())
    }

    /// Whether the thread has slept for a while since the start.
    pub(super) fn has_waited(&self) -> bool {
        let slept = self.0.as_ref().and_then(|began| Some(Moment::now()?.slept_since(began)));
        slept.is_some_and(|slept| slept >= LEAST)
    }
}

/// How much this thread had done at a point in time.
struct Moment {
    at: Instant,
    /// On a processor, or waiting for one.
    busy: Duration,
    /// How often it began to sleep.
    sleeps: u64,
}

impl Moment {
    fn now() -> Option<Self> {
        // Under Wine these files are there, and are of a thread that waits for Wine's own server.
        if !cfg!(target_os = "linux") {
            return None;
        }
        let times = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        let mut nanoseconds = times.split_whitespace().map(str::parse);
        let mut next = || nanoseconds.next()?.ok().map(Duration::from_nanos);
        let busy = next()? + next()?;
        let status = fs::read_to_string("/proc/thread-self/status").ok()?;
        let sleeps = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        Some(Self { at: Instant::now(), busy, sleeps: sleeps?.trim().parse().ok()? })
    }

    fn slept_since(&self, before: &Self) -> Duration {
        if self.sleeps == before.sleeps {
            return Duration::ZERO;
        }
        (self.at - before.at).saturating_sub(self.busy.saturating_sub(before.busy))
    }
}

/// Replays an execution, and measures for how long each segment sleeps.
pub(super) struct Measured {
    replay: Replay,
    began: Moment,
    segments: u32,
    /// The task that slept the longest in one segment.
    longest: Option<(TaskId, Duration)>,
}

impl Measured {
    fn new(decisions: Decisions) -> Option<Self> {
        let (replay, began) = (Replay::new(decisions), Moment::now()?);
        Some(Self { replay, began, segments: 0, longest: None })
    }
}

impl Strategy for Measured {
    fn begin(&mut self, index: u64) -> bool {
        self.replay.begin(index)
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        self.replay.pick(at)
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        self.replay.choose(at)
    }

    fn observer(&mut self) -> Option<&mut dyn Observer> {
        Some(self)
    }
}

impl Observer for Measured {
    fn segment(&mut self, segment: &Segment<'_>) {
        self.segments += 1;
        if self.segments > MEASURED {
            return;
        }
        let Some(now) = Moment::now() else { return };
        let slept = now.slept_since(&self.began);
        self.began = now;
        if slept >= LEAST && self.longest.is_none_or(|(_, longest)| slept > longest) {
            self.longest = Some((segment.task, slept));
        }
    }
}

//! What an engine is at, for a watchdog on another thread.
//!
//! A poll that never returns hangs its thread, and the engine can say nothing more. So it says
//! beforehand, in a few words of memory that others read. It does so only where a watchdog asked
//! for it.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use crate::TaskId;
use crate::lock::lock;

/// What an engine is at. The engine writes this, and a watchdog reads it.
///
/// [`Engine::beacon`](crate::Engine::beacon) lights it.
#[derive(Debug)]
pub struct Beacon {
    /// How many executions have begun.
    begun: AtomicU64,
    /// The number of the last one.
    index: AtomicU64,
    /// The step and the task whose code runs, or ran last; [`IDLE`] between executions.
    at: AtomicU64,
    /// The names of the execution's tasks, by number.
    names: Mutex<Vec<Cow<'static, str>>>,
    /// The task of each step.
    tasks: Tape,
    /// The answers to the questions that were asked in the execution, and how many there are.
    answers: Tape,
    answered: AtomicUsize,
}

/// No execution runs.
const IDLE: u64 = u64::MAX;

/// The code of a task that runs: a poll, or the drop of its future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunningPoll {
    /// How many executions of this engine came before. Two polls that differ in nothing are the
    /// same one.
    executions: u64,
    /// The number of the execution, as its strategy counts.
    pub index: u64,
    /// The number of the step, from 0.
    pub step: u64,
    /// The task.
    pub task: TaskId,
}

impl Beacon {
    pub(crate) fn new() -> Self {
        Self {
            begun: AtomicU64::new(0),
            index: AtomicU64::new(0),
            at: AtomicU64::new(IDLE),
            names: Mutex::default(),
            tasks: Tape::new(),
            answers: Tape::new(),
            answered: AtomicUsize::new(0),
        }
    }

    /// The way to a poll that does not return. `None` if it is too long, or if the poll is over.
    #[must_use]
    pub fn way_to(&self, poll: RunningPoll) -> Option<Way> {
        let steps = usize::try_from(poll.step).ok()? + 1;
        let tasks: Option<Vec<TaskId>> =
            (0..steps).map(|n| self.tasks.get(n).map(TaskId)).collect();
        let answered = self.answered.load(Ordering::Acquire);
        let answers: Option<Vec<u32>> = (0..answered).map(|n| self.answers.get(n)).collect();
        let way = Way { tasks: tasks?, answers: answers? };
        (self.running() == Some(poll)).then_some(way)
    }

    /// The poll that runs now, if one does.
    ///
    /// The engine does not wait for its reader, so one answer may mix two polls. A poll that does
    /// not return gives the same answer again and again, and that is right.
    #[must_use]
    pub fn running(&self) -> Option<RunningPoll> {
        let at = self.at.load(Ordering::Acquire);
        (at != IDLE).then(|| RunningPoll {
            executions: self.begun.load(Ordering::Relaxed),
            index: self.index.load(Ordering::Relaxed),
            step: at >> 32,
            task: TaskId((at & u64::from(u32::MAX)) as u32),
        })
    }

    /// The name of a task of the execution that runs; empty if there is none.
    #[must_use]
    pub fn task_name(&self, task: TaskId) -> String {
        lock(&self.names).get(task.index()).map(ToString::to_string).unwrap_or_default()
    }

    pub(crate) fn begins(&self, index: u64) {
        lock(&self.names).clear();
        self.answered.store(0, Ordering::Relaxed);
        self.index.store(index, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn admits(&self, name: Cow<'static, str>) {
        lock(&self.names).push(name);
    }

    /// The steps of an execution fit into 32 bits; if not, the number shown is wrong, and no more.
    pub(crate) fn runs(&self, step: u64, task: TaskId) {
        self.passes(step, task);
        self.at.store(step << 32 | u64::from(task.0), Ordering::Release);
    }

    /// Notes a step in which no code of a task runs, or may.
    pub(crate) fn passes(&self, step: u64, task: TaskId) {
        self.tasks.set(step as usize, task.0);
    }

    pub(crate) fn answers(&self, value: u32) {
        // One thread writes.
        let place = self.answered.load(Ordering::Relaxed);
        self.answers.set(place, value);
        self.answered.store(place + 1, Ordering::Release);
    }

    pub(crate) fn ends(&self) {
        self.at.store(IDLE, Ordering::Release);
    }
}

/// The way of an execution: whose its steps were, and the answers to its questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    pub(crate) tasks: Vec<TaskId>,
    pub(crate) answers: Vec<u32>,
}

/// Numbers that one thread writes while others read them. It grows as far as it is written.
#[derive(Debug)]
struct Tape {
    chunks: [OnceLock<Box<[AtomicU32]>>; CHUNKS],
}

const CHUNK: usize = 1 << 12;
const CHUNKS: usize = 1 << 8;

impl Tape {
    const fn new() -> Self {
        Self { chunks: [const { OnceLock::new() }; CHUNKS] }
    }

    /// What does not fit is not kept.
    fn set(&self, place: usize, value: u32) {
        if let Some(chunk) = self.chunks.get(place / CHUNK) {
            let chunk = chunk.get_or_init(|| (0..CHUNK).map(|_| AtomicU32::new(0)).collect());
            chunk[place % CHUNK].store(value, Ordering::Relaxed);
        }
    }

    fn get(&self, place: usize) -> Option<u32> {
        let chunk = self.chunks.get(place / CHUNK)?.get()?;
        Some(chunk[place % CHUNK].load(Ordering::Relaxed))
    }
}

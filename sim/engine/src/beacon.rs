//! What an engine is at, for a watchdog on another thread.
//!
//! A poll that never returns hangs its thread, and the engine can say nothing more. So it says
//! beforehand, in a few words of memory that others read. It does so only where a watchdog asked
//! for it.

use std::borrow::Cow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

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
        }
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
        self.index.store(index, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn admits(&self, name: Cow<'static, str>) {
        lock(&self.names).push(name);
    }

    /// The steps of an execution fit into 32 bits; if not, the number shown is wrong, and no more.
    pub(crate) fn runs(&self, step: u64, task: TaskId) {
        self.at.store(step << 32 | u64::from(task.0), Ordering::Release);
    }

    pub(crate) fn ends(&self) {
        self.at.store(IDLE, Ordering::Release);
    }
}

//! The engine as users of this crate meet it: that of [`mapi_sync_engine`], with the runtime that
//! provider code runs on, and its clock as one for contract monitors.

use mapi_sync::contract::VirtualClock;
pub use mapi_sync_engine::property::{BrokenProperty, Property, PropertyKind};
pub use mapi_sync_engine::{
    AbortHandle, Blocked, Budget, Builder, ChoicePoint, Chosen, Decision, EarlyPolls, Effect, End,
    Engine, JoinError, JoinHandle, Limits, Mode, Nondeterminism, Note, Object, ObjectId, Observer,
    Outcome, OutsideThreads, Ready, Segment, SegmentNote, Site, Sleep, Strategy, TaskId, TaskKey,
    TaskPanic, UniformRng, YieldNow, before_closing, calm, choose, current, current_key,
    current_step, early_polls, fault, is_closing, is_recording, is_simulated, note, now, parallel,
    progress, sleep, sleep_for, sleep_until, spawn, spawn_droppable, sync, task_name, work,
    work_for, yield_now,
};

pub use crate::runtime::SimRuntime;

/// The clock of the executions on this thread: it shows the virtual time of the one that is
/// running.
#[must_use]
pub fn clock() -> VirtualClock {
    VirtualClock::from(mapi_sync_engine::clock())
}

//! The identity of a task.

use std::fmt;
use std::hash::Hash;

use mapi_sync_engine as engine;
use mapi_sync_engine::TaskId;

use crate::inside::is_inside;

/// Identifies a task among those that run: of the runtime, or of the execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub(crate) Repr);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Repr {
    Real(real::task::Id),
    Inside(TaskId),
}

impl Id {
    pub(crate) fn real(id: real::task::Id) -> Self {
        Self(Repr::Real(id))
    }

    pub(crate) fn inside(id: TaskId) -> Self {
        Self(Repr::Inside(id))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Repr::Real(id) => id.fmt(f),
            Repr::Inside(id) => id.index().fmt(f),
        }
    }
}

/// The running task's identity.
///
/// # Panics
///
/// If no task runs, as in the future of a `block_on`; the main task of an execution is one.
#[track_caller]
#[must_use]
pub fn id() -> Id {
    try_id().expect("Can't get a task id when not inside a task")
}

/// The running task's identity. `None` if no task runs, as in the future of a `block_on`; the main
/// task of an execution is one.
#[track_caller]
#[must_use]
pub fn try_id() -> Option<Id> {
    if is_inside() {
        Some(engine::current()).filter(|id| *id != TaskId::MAIN).map(Id::inside)
    } else {
        real::task::try_id().map(Id::real)
    }
}

//! Panics that a program catches for others, as a runtime does for whoever joins a task.

use std::any::Any;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::context;
use crate::id::TaskId;
use crate::outcome::TaskPanic;
use crate::task::task_name;

/// A panic of a task that was caught, for whoever takes it: a panic that is taken is the program's
/// own affair, and one that is not is [reported](Self::report).
pub struct CaughtPanic {
    payload: Box<dyn Any + Send>,
    task: TaskId,
    step: u64,
    place: Option<String>,
    early: bool,
}

impl CaughtPanic {
    /// What the running task has just panicked with, as `catch_unwind` returned it.
    #[must_use]
    pub fn new(payload: Box<dyn Any + Send>) -> Self {
        context::with(|cx| Self {
            payload,
            task: cx.current.get(),
            step: cx.step.get(),
            place: cx.panic_place.borrow_mut().take(),
            early: cx.is_early.get(),
        })
    }

    /// What it carries: the panic is taken.
    #[must_use]
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.payload
    }

    /// Nobody takes it: the execution shows it as a [panic](crate::Outcome::panics) of its task.
    /// Outside of an execution, and while one drops the tasks that are left, this does nothing.
    pub fn report(self) {
        let Self { payload, task, step, place, early } = self;
        context::with(|cx| {
            if cx.active.get() && !cx.closing.get() {
                let name = task_name(task);
                let message = message_of(&*payload);
                let panic = TaskPanic { task, name, step, message, place, early };
                cx.touched.set(true);
                cx.reported.borrow_mut().push(panic);
            }
        });
        // It may panic in its turn when it is dropped. That adds nothing.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            mem::forget(second);
        }
    }
}

impl fmt::Debug for CaughtPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = message_of(&*self.payload);
        f.debug_struct("CaughtPanic").field("task", &self.task).field("message", &message).finish()
    }
}

/// The text of a panic.
pub(crate) fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&'static str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".to_owned())
}

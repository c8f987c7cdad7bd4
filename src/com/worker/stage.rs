//! What a sync waits for, and for how long: when its worker ends it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::Poll;

use super::state::WorkerState;
use crate::com::incident::Incident;
use crate::lock::lock;

/// What a sync waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing.
    Over,
    /// A task that may still send Done.
    Busy,
    /// The tasks that are left after Done.
    DoneReturned,
    /// Whoever may still send Done after a panic.
    Panicked,
    /// A thread that holds a reference, if it was not leaked.
    NoTask,
}

impl WorkerState {
    fn stage(&self) -> Stage {
        let is_idle = lock(&self.tasks).running.is_empty();
        let can_call = self.callback.references() > 0 || self.can_query.load(Ordering::Acquire);
        if self.finished.load(Ordering::Acquire) {
            Stage::Over
        } else if self.callback.has_done_returned() {
            if is_idle { Stage::Over } else { Stage::DoneReturned }
        } else if !can_call {
            Stage::Over
        } else if self.has_panicked.load(Ordering::Acquire) {
            Stage::Panicked
        } else if is_idle {
            Stage::NoTask
        } else {
            Stage::Busy
        }
    }

    /// Waits until the provider can do no more for this sync, or until a rescue has ended it.
    pub(super) async fn until_over(&self) {
        let mut waits: Option<(Stage, Pin<Box<tokio::time::Sleep>>)> = None;
        poll_fn(|cx| {
            *lock(&self.waker) = Some(cx.waker().clone());
            loop {
                let stage = self.stage();
                let duration = match stage {
                    Stage::Over => return Poll::Ready(()),
                    Stage::Busy => return Poll::Pending,
                    Stage::DoneReturned | Stage::Panicked => self.settings.grace,
                    Stage::NoTask => self.settings.silence,
                };
                let sleep = match &mut waits {
                    Some((waited, sleep)) if *waited == stage => sleep,
                    _ => {
                        self.callback.take_sign_of_life();
                        &mut waits.insert((stage, Box::pin(tokio::time::sleep(duration)))).1
                    }
                };
                if sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                if !self.callback.take_sign_of_life() {
                    return Poll::Ready(());
                }
                waits = None;
            }
        })
        .await;
    }

    /// Reports the tasks that are going to be dropped.
    pub(super) fn report_tasks(&self) {
        let tasks: Vec<String> =
            lock(&self.tasks).running.values().map(|name| name.as_ref().into()).collect();
        if !tasks.is_empty() && self.started.load(Ordering::Acquire) {
            self.settings.incidents.report(&Incident::TasksDropped { tasks });
        }
    }

    pub(super) fn wake(&self) {
        let waker = lock(&self.waker).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

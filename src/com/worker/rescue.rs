//! The end of a sync whose thread an exception has stopped.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread::current;

use super::state::WorkerState;
use crate::com::guard::{self, Rescue};
use crate::com::incident::Incident;
use crate::com::{entry, thread};
use crate::lock::lock;

/// Weak, because the state that it points to holds the callback, which holds this.
pub(super) struct RescueOf(pub(super) Weak<WorkerState>);

impl Rescue for RescueOf {
    fn rescue(&self, method: &'static str) {
        let Some(shared) = self.0.upgrade() else { return };
        // After an exception out of the last Done only the rest remains to be done.
        let last = *lock(&shared.finisher) == Some(current().id());
        let ending = Arc::clone(&shared);
        let end = move || {
            let _rescued = guard::rescued_by(Arc::new(Self(Arc::downgrade(&ending))));
            let incidents = &ending.settings.incidents;
            ending.revokes.store(true, Ordering::Release);
            incidents.report(&Incident::Exception { method });
            // The calls below are made even if this thread cannot enter.
            incidents.contain(|| entry::enter(ending.settings.entry.as_ref()));
            if last {
                *lock(&ending.finisher) = Some(current().id());
                return ending.conclude();
            }
            ending.settle_start(None);
            // Ask the parts of the provider that run on other threads to stop.
            incidents.contain(|| ending.cancel.request());
            ending.finish();
        };
        if thread::spawn(&shared.settings.thread, end.clone()).is_err() {
            // The system has no thread, so use this one.
            end();
        }
    }

    fn changed(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.wake();
        }
    }
}

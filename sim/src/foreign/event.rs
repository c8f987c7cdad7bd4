//! A published event, seen from outside: the effects of the provider's calls on it show, the calls
//! themselves do not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mapi_sync::com::{self, Waited};
use mapi_sync::contract::{Call, Party, SyncWatch};
use mapi_sync::{EventOut, HResult, OwnedEvent, RawEvent};

use crate::lock::lock;

/// The host's view of one sync's event.
pub(super) struct EventWatch {
    out: Arc<dyn EventOut>,
    watch: SyncWatch,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The host's own handle. It shows the signal even after the published one is closed.
    private: Option<OwnedEvent>,
    signalled: bool,
    closed: bool,
}

impl EventWatch {
    pub(super) fn new(out: Arc<dyn EventOut>, watch: SyncWatch) -> Self {
        Self { out, watch, state: Mutex::default() }
    }

    /// Whether the event has occurred. Reports it to the monitor.
    pub(super) fn look(&self) -> bool {
        let mut state = lock(&self.state);
        if !state.signalled
            && let Some(private) = &state.private
            && com::wait(private.raw(), Duration::ZERO) == Waited::Signalled
        {
            let event = private.raw();
            state.signalled = true;
            drop(state);
            self.watch.observe(Call::EventSet { by: Party::Provider, event });
            return true;
        }
        state.signalled
    }

    /// Closes the host's own handle: the callback object may live on.
    pub(super) fn forget(&self) {
        lock(&self.state).private = None;
    }

    /// Closes the published handle, unless it is closed already.
    pub(super) fn close(&self) {
        let event = self.published();
        {
            let mut state = lock(&self.state);
            if event.is_null() || std::mem::replace(&mut state.closed, true) {
                return;
            }
        }
        // Look first: under a debugger, closing a handle that is not open counts as the provider's
        // defect.
        let open = com::wait(event, Duration::ZERO) != Waited::Invalid;
        if !open || com::events().close(event) != HResult::S_OK {
            // It was open when it was published, and the host did not close it, so the provider
            // did.
            self.watch.observe(Call::EventClosed { by: Party::Provider, event });
        }
    }
}

impl EventOut for EventWatch {
    fn publish(&self, event: RawEvent) -> HResult {
        // If it cannot be duplicated, it is not an open handle. The monitor then gets no report
        // of it, and finds that out.
        if let Ok(private) = OwnedEvent::duplicate_of(&com::events(), event) {
            self.watch.observe(Call::EventCreated { event });
            let copy = private.raw();
            self.watch.observe(Call::EventDuplicated {
                by: Party::Provider,
                from: event,
                event: copy,
            });
            let mut state = lock(&self.state);
            state.private = Some(private);
        }
        self.out.publish(event)
    }

    fn published(&self) -> RawEvent {
        self.out.published()
    }
}

//! A provider of events for Event Tracing for Windows.

use std::fmt;
use std::pin::Pin;

use tracelogging_dynamic::{EventBuilder, Level, OutType, Provider};

/// Events of one name, with one text each, in the form of "TraceLogging": no manifest is installed.
pub(crate) struct EtwProvider {
    provider: Pin<Box<Provider>>,
    event: EventBuilder,
}

impl EtwProvider {
    /// Registers under this name. The identifier of the provider is the hash of the name that
    /// "TraceLogging" tools compute too.
    ///
    /// Belongs to a thread of [`spawn`](crate::com::spawn), which holds this module, and ends
    /// there.
    pub(crate) fn register(name: &str) -> Self {
        let provider = Box::pin(Provider::new(name, &Provider::options()));
        // SAFETY: a provider has to be unregistered before its module is unloaded. The drop of
        // `provider` does that, and the thread that owns it holds the module for longer.
        //
        // Where the system refuses, nobody listens, and `enabled` answers so.
        let _ = unsafe { provider.as_ref().register() };
        Self { provider, event: EventBuilder::new() }
    }

    /// Writes an event, if a session listens. One of more than 64 KiB is left out by the system.
    pub(crate) fn write(&mut self, name: &str, is_warning: bool, field: &str, json: &[u8]) {
        let level = if is_warning { Level::Warning } else { Level::Informational };
        if self.provider.enabled(level, 0) {
            let event = self.event.reset(name, level, 0, 0);
            event.add_str8(field, json, OutType::Json, 0);
            // The system drops events when its buffers are full. Its own tools count them.
            let _ = event.write(&self.provider, None, None);
        }
    }
}

impl fmt::Debug for EtwProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EtwProvider").field(self.provider.id()).finish()
    }
}

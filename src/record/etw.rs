//! The records as events of Event Tracing for Windows, beside the file.

use std::io;

use super::format::Event;
use crate::com::EtwProvider;

/// Where the events go.
pub(super) struct Events(EtwProvider);

/// How long the name of a provider may be, in bytes. Tools cut longer ones.
const NAME_MOST: usize = 255;

/// # Errors
///
/// [`io::ErrorKind::InvalidInput`] for a name that no provider may have.
pub(super) fn check_name(name: &str) -> io::Result<()> {
    if name.is_empty() || name.len() > NAME_MOST || name.contains('\0') {
        let says = format!(
            "the name of a provider of events has 1 to {NAME_MOST} bytes and no zero: {name:?}"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, says));
    }
    Ok(())
}

impl Events {
    /// For a thread of [`spawn`](crate::com::spawn), which drops it before it ends.
    pub(super) fn register(name: &str) -> Self {
        Self(EtwProvider::register(name))
    }

    /// `line` is the event's record as it stands in the file, with its end of line.
    pub(super) fn write(&mut self, event: &Event, line: &[u8]) {
        let (name, is_warning) = describe(event);
        self.0.write(name, is_warning, "record", line.strip_suffix(b"\n").unwrap_or(line));
    }
}

/// The event's name, and whether it is a warning.
fn describe(event: &Event) -> (&'static str, bool) {
    match event {
        Event::Open { .. } => ("Open", false),
        Event::Progress { .. } => ("Progress", false),
        Event::Error { .. } => ("Error", true),
        Event::Done { status, .. } => ("Done", status.is_failure()),
        Event::Shutdown { .. } => ("Shutdown", false),
        Event::Returned { result, .. } => ("Returned", result.is_failure()),
        Event::Panicked { .. } => ("Panicked", true),
        Event::Abandoned { .. } => ("Abandoned", true),
        Event::Close { .. } => ("Close", false),
        Event::Dropped { .. } => ("Dropped", true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HResult;

    #[test]
    fn names_are_checked() {
        for name in ["", "a\0b", &"a".repeat(NAME_MOST + 1)] {
            let error = check_name(name).expect_err("refused");
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
        check_name("Example.Store").expect("a name");
        check_name(&"a".repeat(NAME_MOST)).expect("a name");
    }

    #[test]
    fn failures_are_warnings() {
        let done = |status| Event::Done { sync: 1, thread: 1, call: 1, handle: 0, status };
        assert_eq!(describe(&done(HResult::S_OK)), ("Done", false));
        assert_eq!(describe(&done(HResult::E_FAIL)), ("Done", true));
        assert_eq!(describe(&Event::Dropped { count: 1 }), ("Dropped", true));
    }

    #[test]
    fn events_are_written_without_a_listener() {
        let mut events = Events::register("MapiSync.Test");
        events.write(&Event::Close { sync: 1 }, b"{\"t\":1,\"event\":\"close\",\"sync\":1}\n");
    }
}

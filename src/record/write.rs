//! Writing records that no recorder made: the calls of a simulation, in the form of a recording.

use std::io::{self, Write};

use super::format::{Header, Record, VERSION};

/// Writes these records as a recording with all texts, and no record missing.
/// [`check`](super::check) reads it.
///
/// # Errors
///
/// The errors of `out`.
///
/// # Examples
///
/// ```
/// use mapi_sync::HResult;
/// use mapi_sync::contract::{Policy, Rule};
/// use mapi_sync::record::{self, Event, Record};
///
/// let done = |call| Event::Done { sync: 1, thread: 1, call, handle: 0, status: HResult::S_OK };
/// let returned = |call| Event::Returned { call, result: HResult::S_OK };
/// let events = [
///     Event::Open { sync: 1, flags: 0x80 },
///     done(1),
///     returned(1),
///     done(2),
///     returned(2),
///     Event::Close { sync: 1 },
/// ];
/// let records = events.into_iter().zip(0..).map(|(event, at)| Record { at, event });
///
/// let mut recording = Vec::new();
/// record::write(&mut recording, records)?;
/// let report = record::check(recording.as_slice(), Policy::default())?;
/// assert!(report.violations.iter().any(|violation| violation.rule == Rule::DONE_ONCE));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write(out: &mut dyn Write, records: impl IntoIterator<Item = Record>) -> io::Result<()> {
    let header = Header { version: VERSION, file: 0, texts: true, exact_gaps: true, ends: true };
    write_line(out, &header)?;
    records.into_iter().try_for_each(|record| write_line(out, &record))
}

fn write_line(out: &mut dyn Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

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
/// use mapi_sync::contract::{Policy, Rule};
/// use mapi_sync::record::{self, Event, Record};
///
/// let open = Event::Open { sync: 1, flags: 0x80 };
/// let close = Event::Close { sync: 1 };
/// let records = [Record { at: 0, event: open }, Record { at: 9_000, event: close }];
///
/// let mut recording = Vec::new();
/// record::write(&mut recording, records)?;
/// let report = record::check(recording.as_slice(), Policy::default())?;
/// assert_eq!(report.violations[0].rule, Rule::DONE_ONCE);
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

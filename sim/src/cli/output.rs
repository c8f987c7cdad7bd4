//! Where results go.

use std::io::{self, BufWriter, ErrorKind, Write};

use mapi_sync_sim::report::{Palette, json};
use serde::Serialize;

use super::args::Format;

/// Writes a result to the standard output: by `human` in words, or else as JSON.
///
/// A reader that has gone away has seen enough: that is no error.
pub(super) fn write<T: Serialize>(
    format: Format,
    value: impl FnOnce() -> T,
    human: impl FnOnce(&mut dyn Write, &Palette) -> io::Result<()>,
) -> io::Result<()> {
    let written = match format {
        Format::Json => {
            let mut out = BufWriter::new(io::stdout().lock());
            json::write(&mut out, &value()).and_then(|()| out.flush())
        }
        Format::Human => {
            // It takes the colours out again where they are not wanted.
            let mut out = BufWriter::new(anstream::stdout().lock());
            human(&mut out, &Palette::COLOUR).and_then(|()| out.flush())
        }
    };
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

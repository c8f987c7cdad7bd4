//! Writes results to the standard output.

use std::io::{self, BufWriter, ErrorKind, Write};

use mapi_sync_sim::report::{Document, Format, Palette};

/// Writes a result to the standard output.
///
/// If the reader has closed the pipe, it has seen enough: that is not an error.
pub(super) fn write(format: Format, document: Document<'_>) -> io::Result<()> {
    let stdout: Box<dyn Write> = if format.has_colours() {
        // This stream removes the colours where they are not wanted.
        Box::new(anstream::stdout().lock())
    } else {
        Box::new(io::stdout().lock())
    };
    let mut out = BufWriter::new(stdout);
    match format.write(&mut out, document, &Palette::COLOUR).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

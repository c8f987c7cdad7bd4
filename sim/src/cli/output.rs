//! Where results go.

use std::io::{self, BufWriter, ErrorKind, Write};

use mapi_sync_sim::report::{Document, Format, Palette};

/// Writes a result to the standard output.
///
/// A reader that has gone away has seen enough: that is no error.
pub(super) fn write(format: Format, document: Document<'_>) -> io::Result<()> {
    let stdout: Box<dyn Write> = if format.has_colours() {
        // It takes the colours out again where they are not wanted.
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

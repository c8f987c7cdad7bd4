//! Writes results to the standard output.

use std::env;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};

use mapi_sync_sim::report::{Document, Format, Palette};

use super::fit::{Fit, Fitted};

/// Writes a result to the standard output. Words for people fit the terminal, and within GitHub
/// Actions annotations follow them.
///
/// If the reader has closed the pipe, it has seen enough: that is not an error.
///
/// # Errors
///
/// If it cannot be written, or is binary and would go to a terminal.
pub(super) fn write(format: Format, document: Document<'_>) -> io::Result<()> {
    if !format.is_text() && io::stdout().is_terminal() {
        let message = "this format is binary, and the output is a terminal: write it to a file, \
                       as in `mapi-sync check > FILE`";
        return Err(io::Error::new(ErrorKind::InvalidInput, message));
    }
    let annotates = format == Format::Human
        && is_verdict(document)
        && env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
    let written = write_to_stdout(format, document)
        .and_then(|()| if annotates { write_to_stdout(Format::Github, document) } else { Ok(()) });
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn write_to_stdout(format: Format, document: Document<'_>) -> io::Result<()> {
    if !format.has_colours() {
        let mut out = BufWriter::new(io::stdout().lock());
        format.write(&mut out, document, &Palette::PLAIN)?;
        return out.flush();
    }
    // This stream removes the colours where they are not wanted.
    let mut out = BufWriter::new(anstream::stdout().lock());
    if let Document::Scenario(_) = document {
        // It is a file of its own.
        format.write(&mut out, document, &Palette::COLOUR)?;
        return out.flush();
    }
    let mut fitted = Fitted::new(out, Fit::of_stdout());
    format.write(&mut fitted, document, &Palette::COLOUR)?;
    fitted.finish()
}

/// Whether an annotation can say what came of it.
fn is_verdict(document: Document<'_>) -> bool {
    matches!(
        document,
        Document::Check(_) | Document::Replay(_) | Document::Mutants(_) | Document::Trace(_)
    )
}

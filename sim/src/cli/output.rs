//! Writes results to the standard output.

use std::env;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::path::PathBuf;

use mapi_sync_sim::report::{Document, Format, Palette};

use super::args::ReportArgs;
use super::failure::Failure;
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

/// A page for the browser that is being written, if one is wanted.
pub(super) struct Page(Option<(PathBuf, BufWriter<File>)>);

impl Page {
    /// Makes the file, before there is a result that could be lost if that fails.
    pub(super) fn create(args: &ReportArgs) -> Result<Self, Failure> {
        let Some(path) = &args.report else { return Ok(Self(None)) };
        let file = File::create(path).map_err(|error| Failure::page(path, error))?;
        Ok(Self(Some((path.clone(), BufWriter::new(file)))))
    }

    /// Writes the result.
    pub(super) fn write(self, document: Document<'_>) -> Result<(), Failure> {
        let Some((path, mut out)) = self.0 else { return Ok(()) };
        let written = Format::Html.write(&mut out, document, &Palette::PLAIN);
        written.and_then(|()| out.flush()).map_err(|error| Failure::page(&path, error))
    }
}

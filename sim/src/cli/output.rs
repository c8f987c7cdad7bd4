//! Writes results to the standard output.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;

use mapi_sync_sim::report::{Document, Format, Palette};

use super::args::ReportArgs;
use super::failure::Failure;

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

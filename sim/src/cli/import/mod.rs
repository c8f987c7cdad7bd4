//! `trace import`: makes a trace of a text log.

mod lines;
mod mapping;
mod times;

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use self::lines::Importer;
use self::mapping::Mapping;
use super::args::TraceImportArgs;
use super::failure::Failure;
use super::source;
use super::status::Status;

/// Why a log cannot be made a trace.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImportError {
    #[error("cannot read the log after line {line}: {error}")]
    Read { line: u64, error: io::Error },
    #[error("line {line} of the log is longer than {} bytes", lines::MOST_BYTES)]
    LongLine { line: u64 },
    #[error("line {line} of the log: {why}")]
    Line { line: u64, why: String },
    #[error("line {line} of the log: more than {} calls are under way at once", lines::MOST_OPEN)]
    TooManyOpen { line: u64 },
    #[error("cannot write the trace: {0}")]
    Write(#[from] io::Error),
}

pub(super) fn run(args: &TraceImportArgs) -> Result<Status, Failure> {
    let TraceImportArgs { mapping, log } = args;
    let path = mapping.display().to_string();
    let text = File::open(mapping)
        .and_then(source::read_bounded)
        .map_err(|error| Failure::Unreadable { path: path.clone(), error })?;
    let mapping = Mapping::parse(&text).map_err(|why| Failure::Mapping { path, why })?;
    let path = log.display().to_string();
    let import = |log: &mut dyn BufRead| import(mapping, log);
    let summary = if log == Path::new("-") {
        import(&mut io::stdin().lock())
    } else {
        let opened =
            File::open(log).map_err(|error| Failure::Unreadable { path: path.clone(), error })?;
        import(&mut BufReader::new(opened))
    };
    let summary = summary.map_err(|error| Failure::Import { path, error })?;
    // If this fails, there is no stream left to say it on.
    let _ = writeln!(anstream::stderr().lock(), "{summary}");
    Ok(if summary.imported == 0 { Status::Incomplete } else { Status::Held })
}

fn import(mapping: Mapping, log: &mut dyn BufRead) -> Result<lines::Summary, ImportError> {
    let mut out = BufWriter::new(io::stdout().lock());
    let summary = Importer::new(mapping).import(log, &mut out)?;
    out.flush()?;
    Ok(summary)
}

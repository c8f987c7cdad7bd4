//! `trace check`: a recording of a production process, checked against the contract.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use mapi_sync::contract::Policy;
use mapi_sync::record;
use mapi_sync_sim::report::Document;

use super::args::{TraceArgs, TraceCommand};
use super::failure::Failure;
use super::output;
use super::status::Status;

pub(super) fn run(args: &TraceArgs) -> Result<Status, Failure> {
    let TraceCommand::Check { file, output } = &args.command;
    let policy = Policy::default();
    let path = file.display().to_string();
    let checked = if file == Path::new("-") {
        record::check(io::stdin().lock(), policy)
    } else {
        let opened =
            File::open(file).map_err(|error| Failure::Unreadable { path: path.clone(), error })?;
        record::check(BufReader::new(opened), policy)
    };
    let report = checked.map_err(|error| Failure::Trace { path, error })?;
    output::write(output.format, Document::Trace(&report))?;
    Ok(if !report.violations.is_empty() {
        Status::Broken
    } else if report.dropped > 0 || report.cut_off || report.syncs == 0 {
        Status::Incomplete
    } else {
        Status::Held
    })
}

//! `trace check`: a recording of a production process, checked against the contract.

use std::fs::File;
use std::io::{self, BufReader};

use mapi_sync::contract::Policy;
use mapi_sync::record;
use mapi_sync_sim::report::Document;

use super::args::{TraceArgs, TraceCommand};
use super::failure::Failure;
use super::{Verdict, output};

pub(super) fn run(args: &TraceArgs) -> Result<Verdict, Failure> {
    let TraceCommand::Check { file, output } = &args.command;
    let policy = Policy::default();
    let checked = if file == "-" {
        record::check(io::stdin().lock(), policy)
    } else {
        let opened =
            File::open(file).map_err(|error| Failure::Unreadable { path: file.clone(), error })?;
        record::check(BufReader::new(opened), policy)
    };
    let report = checked.map_err(|error| Failure::Trace { path: file.clone(), error })?;
    output::write(output.format, Document::Trace(&report))?;
    Ok(if report.violations.is_empty() { Verdict::Held } else { Verdict::Violated })
}

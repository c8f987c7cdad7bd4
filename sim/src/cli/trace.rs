//! `trace`: a recording of a production process, checked against the contract.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use mapi_sync::contract::Policy;
use mapi_sync::record;
use mapi_sync_sim::report::Document;

use super::args::{TraceArgs, TraceCommand, VerdictOutputArgs};
use super::failure::Failure;
use super::import;
use super::output::{self, Page};
use super::status::Status;

pub(super) fn run(args: &TraceArgs) -> Result<Status, Failure> {
    match &args.command {
        TraceCommand::Check { file, policy, report, output } => {
            check(file, policy.policy(), Page::create(report)?, output)
        }
        TraceCommand::Import(args) => import::run(args),
    }
}

fn check(
    file: &Path,
    policy: Policy,
    page: Page,
    output: &VerdictOutputArgs,
) -> Result<Status, Failure> {
    let rules = policy.rules().count();
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
    page.write(Document::Trace(&report))?;
    Ok(if !report.violations.is_empty() {
        Status::Broken
    } else if report.dropped > 0 || report.cut_off || report.not_judged.len() == rules {
        Status::Incomplete
    } else {
        Status::Held
    })
}

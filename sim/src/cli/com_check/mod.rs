//! `com-check`: runs a provider from a DLL in a child process, and reports on it from here.

mod child;
mod parent;

use mapi_sync_sim::foreign::ForeignReport;
use mapi_sync_sim::report::{Document, Format};

use super::args::ComCheckArgs;
use super::failure::Failure;
use super::output::{self, Page};
use super::status::Status;

pub(super) fn run(args: &ComCheckArgs) -> Result<Status, Failure> {
    if let Some(wire) = args.wire {
        return child::run(args, wire);
    }
    let page = Page::create(&args.report)?;
    let report = parent::supervise(args)?;
    let (provider, export) = (&*args.provider.display().to_string(), &*args.export);
    let document = Document::Foreign { provider, export, report: &report };
    let why = report.unusable.clone().filter(|_| report.violations.is_empty());
    if why.is_none() || args.output.format == Format::Json {
        output::write(args.output.format, document)?;
    }
    page.write(document)?;
    match why {
        Some(why) => Err(Failure::Unusable { provider: args.provider.clone(), why }),
        None => Ok(status(&report)),
    }
}

fn status(report: &ForeignReport) -> Status {
    if !report.violations.is_empty() {
        Status::Broken
    } else if report.is_vacuous() {
        Status::Incomplete
    } else {
        Status::Held
    }
}

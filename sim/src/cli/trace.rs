//! `trace check`: a recording of a production process, held against the contract.

use std::fs::File;
use std::io::{self, BufReader, Write};

use mapi_sync::contract::{Policy, Violation};
use mapi_sync::record::{self, TraceReport};
use serde::Serialize;

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
    output::write(output.format, || Json::from(&report), |out, _| human(out, &report))?;
    Ok(if report.violations.is_empty() { Verdict::Held } else { Verdict::Violated })
}

fn human(out: &mut dyn Write, report: &TraceReport) -> io::Result<()> {
    let TraceReport { syncs, calls, dropped, cut_off, violations } = report;
    writeln!(out, "{syncs} syncs, {calls} calls")?;
    if *dropped > 0 {
        writeln!(
            out,
            "{dropped} records were dropped: only what the rest shows by itself is held"
        )?;
    }
    if *cut_off {
        writeln!(out, "the last line is cut off")?;
    }
    if violations.is_empty() {
        return writeln!(out, "no rule was broken");
    }
    for violation in violations {
        writeln!(out, "\n{violation}")?;
        for call in &violation.calls {
            writeln!(out, "    {call}")?;
        }
    }
    Ok(())
}

/// The JSON of the command.
#[derive(Serialize)]
struct Json {
    syncs: u64,
    calls: u64,
    dropped: u64,
    cut_off: bool,
    violations: Vec<JsonViolation>,
}

#[derive(Serialize)]
struct JsonViolation {
    rule: &'static str,
    level: String,
    blame: String,
    message: String,
    /// Always `null`: a recording cannot be replayed.
    token: Option<String>,
    calls: Vec<String>,
}

impl From<&TraceReport> for Json {
    fn from(report: &TraceReport) -> Self {
        let &TraceReport { syncs, calls, dropped, cut_off, ref violations } = report;
        let violations = violations.iter().map(JsonViolation::from).collect();
        Self { syncs, calls, dropped, cut_off, violations }
    }
}

impl From<&Violation> for JsonViolation {
    fn from(violation: &Violation) -> Self {
        Self {
            rule: violation.rule.id(),
            level: violation.rule.level().to_string(),
            blame: violation.rule.blame().to_string(),
            message: violation.message.clone(),
            token: None,
            calls: violation.calls.iter().map(ToString::to_string).collect(),
        }
    }
}

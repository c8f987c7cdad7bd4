//! What was observed outside a simulation, in words: recordings, and providers behind COM.

use std::fmt::Display;
use std::io::{self, Write};

#[cfg(feature = "cli")]
use mapi_sync::record::TraceReport;

#[cfg(feature = "cli")]
use super::by_reason;
#[cfg(any(feature = "cli", windows, feature = "com-vtable-testing"))]
use super::write_wrapped;
#[cfg(any(windows, feature = "com-vtable-testing"))]
use crate::foreign::{ForeignReport, ForeignViolation};

/// Writes the check of a recording.
#[cfg(feature = "cli")]
pub(super) fn write_trace(out: &mut dyn Write, report: &TraceReport) -> io::Result<()> {
    writeln!(out, "{} syncs, {} calls", report.syncs, report.calls)?;
    if report.dropped > 0 {
        let dropped = report.dropped;
        writeln!(
            out,
            "{dropped} records were dropped: only what the rest shows by itself is held"
        )?;
    }
    if report.cut_off {
        writeln!(out, "the last line is cut off")?;
    }
    if report.syncs == 0 && report.violations.is_empty() {
        writeln!(out, "the recording has no sync, so nothing was checked")?;
    } else {
        let found = report.violations.iter().map(|violation| (violation, &violation.calls));
        write_violations(out, found)?;
    }
    match report.more_violations {
        0 => {}
        more => writeln!(out, "\nand {more} more")?,
    }
    let not_judged = report.not_judged.iter().map(|not| (not.rule.id(), not.why));
    if !report.violations.is_empty() {
        writeln!(out)?;
    }
    for (why, rules) in by_reason(not_judged) {
        write_wrapped(out, &format!("not judged, for {why}: "), &rules)?;
    }
    Ok(())
}

/// Writes the check of a provider behind COM.
#[cfg(any(windows, feature = "com-vtable-testing"))]
pub(in crate::report) fn write_foreign(
    out: &mut dyn Write,
    report: &ForeignReport,
) -> io::Result<()> {
    let ForeignReport { syncs, failed_starts, dones, calls, elapsed_s, .. } = report;
    write!(out, "{syncs} syncs in {elapsed_s:.1} s: {dones} ended with Done, ")?;
    writeln!(out, "{failed_starts} starts failed, {calls} callbacks")?;
    let did: Vec<String> =
        report.exercised.iter().map(|did| format!("{} {}", did.what, did.times)).collect();
    let did_not: Vec<String> = report.not_exercised().map(|habit| habit.id().into()).collect();
    for (heading, list) in [("the host did: ", did), ("it had no chance to do: ", did_not)] {
        if !list.is_empty() {
            write_wrapped(out, heading, &list)?;
        }
    }
    if let Some(why) = &report.unusable {
        writeln!(out, "the provider could not be used: {why}")?;
    } else if report.is_vacuous() {
        writeln!(out, "no sync got as far as its Done, so nothing was checked")?;
    }
    if report.violations.is_empty() && (report.unusable.is_some() || report.is_vacuous()) {
        return Ok(());
    }
    let in_words = |ForeignViolation { rule, level, blame, message, .. }: &ForeignViolation| {
        format!("{rule} ({level}, {blame}): {message}")
    };
    write_violations(
        out,
        report.violations.iter().map(|violation| (in_words(violation), &violation.calls)),
    )
}

/// Writes each violation, and under it the calls that show it.
fn write_violations<'a, C: Display + 'a>(
    out: &mut dyn Write,
    violations: impl ExactSizeIterator<Item = (impl Display, &'a Vec<C>)>,
) -> io::Result<()> {
    if violations.len() == 0 {
        return writeln!(out, "no rule was broken");
    }
    for (violation, calls) in violations {
        writeln!(out, "\n{violation}")?;
        for call in calls {
            writeln!(out, "    {call}")?;
        }
    }
    Ok(())
}

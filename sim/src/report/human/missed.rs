//! The breaks that an author's tests miss, in words.

use std::io::{self, Write};

use super::grouped;
use crate::missed::{Break, MissedReport};
use crate::report::Palette;

/// Writes what came of all breaks.
pub(super) fn write_missed(
    out: &mut dyn Write,
    report: &MissedReport,
    palette: &Palette,
) -> io::Result<()> {
    let Palette { good, bad, involved, .. } = palette;
    if report.fails_unbroken {
        let why = "the tests fail, or do not compile, without any break: no break was tried";
        return writeln!(out, "{involved}{why}{involved:#}");
    }
    let number = |number: usize| grouped(number as u64);
    if !report.missed.is_empty() {
        writeln!(out, "{bad}missed{bad:#}: no test fails if")?;
        write_breaks(out, &report.missed)?;
        writeln!(out)?;
    }
    if !report.timed_out.is_empty() {
        writeln!(out, "{involved}timed out{involved:#}: the tests did not end in time if")?;
        write_breaks(out, &report.timed_out)?;
        writeln!(out)?;
    }
    let (style, tried) = match report.tried() {
        0 => (involved, 0),
        tried if report.found == tried => (good, tried),
        tried => (if report.missed.is_empty() { involved } else { bad }, tried),
    };
    let breaks = if tried == 1 { "break" } else { "breaks" };
    write!(out, "{style}{} of {} {breaks} found{style:#}", number(report.found), number(tried))?;
    let rest = [
        (report.missed.len(), "missed"),
        (report.timed_out.len(), "timed out"),
        (report.unbuildable, "did not compile"),
        (report.untried, "not tried"),
    ];
    for (count, what) in rest.into_iter().filter(|(count, _)| *count > 0) {
        write!(out, ", {} {what}", number(count))?;
    }
    writeln!(out)?;
    if tried == 0 {
        writeln!(out, "nothing was broken, so this says nothing of the tests")?;
    }
    Ok(())
}

fn write_breaks(out: &mut dyn Write, breaks: &[Break]) -> io::Result<()> {
    let place = |of: &Break| format!("{}:{}", of.file, of.line);
    let width = breaks.iter().map(|of| place(of).len()).max().unwrap_or(0);
    for of in breaks {
        writeln!(out, "  {:width$}  {}", place(of), of.what)?;
    }
    Ok(())
}

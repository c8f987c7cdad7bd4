//! What was observed outside of a simulation, on a page: recordings, and providers behind COM.

use std::io::{self, Write};

#[cfg(any(windows, feature = "com-vtable-testing"))]
use mapi_sync::contract::Rule;
#[cfg(feature = "cli")]
use mapi_sync::record::TraceReport;

use super::text::{line, shown};
use super::{begin, end};
#[cfg(any(windows, feature = "com-vtable-testing"))]
use crate::foreign::ForeignReport;
use crate::report::human::grouped;

/// A violation, whoever found it.
struct Found<'a> {
    rule: &'a str,
    level: String,
    blame: String,
    message: &'a str,
    statement: Option<&'a str>,
    source: Option<&'a str>,
    calls: Vec<String>,
}

/// Writes the check of a recording.
#[cfg(feature = "cli")]
pub(super) fn write_trace(out: &mut dyn Write, report: &TraceReport) -> io::Result<()> {
    let mut about = vec![format!("{} syncs, {} calls", report.syncs, report.calls)];
    if report.dropped > 0 {
        let dropped = grouped(report.dropped);
        about.push(format!(
            "! {dropped} records were dropped: only what the rest shows by itself is held"
        ));
    }
    if report.cut_off {
        about.push("! the last line is cut off".to_owned());
    }
    if report.syncs == 0 {
        about.push("! the recording has no sync, so nothing was checked".to_owned());
    }
    let found = report.violations.iter().map(|violation| Found {
        rule: violation.rule.id(),
        level: violation.rule.level().to_string(),
        blame: violation.rule.blame().to_string(),
        message: &violation.message,
        statement: Some(violation.rule.statement()),
        source: Some(violation.rule.source()),
        calls: violation.calls.iter().map(ToString::to_string).collect(),
    });
    let found: Vec<Found<'_>> = found.collect();
    begin(out, "A recording")?;
    write_found(out, "A recording", &about, &found, report.more_violations)?;
    if !report.not_judged.is_empty() {
        writeln!(out, "<section><h2>Rules that were not judged</h2>\n<ul>")?;
        for not in &report.not_judged {
            let why = not.why.to_string();
            writeln!(out, "<li>{}: {}</li>", shown(not.rule.id()), shown(&why))?;
        }
        writeln!(out, "</ul></section>")?;
    }
    writeln!(out, "</main>")?;
    end(out, None)
}

/// Writes the check of a provider behind COM.
#[cfg(any(windows, feature = "com-vtable-testing"))]
pub(super) fn write_foreign(
    out: &mut dyn Write,
    provider: &str,
    export: &str,
    report: &ForeignReport,
) -> io::Result<()> {
    let about = [
        format!("export {export}"),
        format!(
            "{} syncs in {:.1} s: {} ended with Done, {} starts failed, {} callbacks",
            report.syncs, report.elapsed_s, report.dones, report.failed_starts, report.calls
        ),
    ];
    let found = report.violations.iter().map(|violation| {
        let rule = violation.rule.parse::<Rule>().ok();
        Found {
            rule: &violation.rule,
            level: violation.level.clone(),
            blame: violation.blame.clone(),
            message: &violation.message,
            statement: rule.map(Rule::statement),
            source: rule.map(Rule::source),
            calls: violation.calls.clone(),
        }
    });
    let found: Vec<Found<'_>> = found.collect();
    begin(out, provider)?;
    write_found(out, provider, &about, &found, 0)?;
    writeln!(out, "</main>")?;
    end(out, None)
}

/// How many violations are shown, and how many calls of each.
const SHOWN: usize = 200;

fn write_found(
    out: &mut dyn Write,
    title: &str,
    about: &[String],
    all: &[Found<'_>],
    more: u64,
) -> io::Result<()> {
    let verdict = match all.len() as u64 + more {
        0 => "✓ no rule was broken".to_owned(),
        1 => "✕ 1 violation found".to_owned(),
        several => format!("✕ {} violations found", grouped(several)),
    };
    writeln!(out, "<main>\n<header><h1>{}</h1>\n<p class=\"verdict\">{verdict}</p>", line(title))?;
    for line in about {
        writeln!(out, "<p class=\"how\">{}</p>", shown(line))?;
    }
    writeln!(out, "</header>")?;
    for (number, found) in all.iter().take(SHOWN).enumerate() {
        let Found { rule, level, blame, message, .. } = found;
        writeln!(
            out,
            "<section class=\"found\" id=\"c{number}\" aria-labelledby=\"c{number}h\">\n\
             <h2 id=\"c{number}h\">{}</h2>\n<p class=\"sentence\">{}</p>\n<dl class=\"answers\">\n\
             <dt>Which rule?</dt><dd><p><strong>{0}</strong> ({}): the {} is to blame</p>",
            shown(rule),
            shown(message),
            shown(level),
            shown(blame)
        )?;
        if let Some(statement) = found.statement {
            writeln!(out, "<blockquote>{}</blockquote>", shown(statement))?;
        }
        if let Some(source) = found.source {
            writeln!(out, "<p class=\"source\">Source: {}</p>", shown(source))?;
        }
        writeln!(out, "</dd>\n<dt>Which calls show it?</dt><dd><ol class=\"calls\">")?;
        for call in found.calls.iter().take(SHOWN) {
            writeln!(out, "<li>{}</li>", line(call))?;
        }
        if let Some(more @ 1..) = found.calls.len().checked_sub(SHOWN) {
            writeln!(out, "<li>and {more} more</li>")?;
        }
        writeln!(out, "</ol></dd>\n</dl></section>")?;
    }
    let left_out = all.len().saturating_sub(SHOWN) as u64 + more;
    if left_out > 0 {
        writeln!(out, "<p>And {} more.</p>", grouped(left_out))?;
    }
    Ok(())
}

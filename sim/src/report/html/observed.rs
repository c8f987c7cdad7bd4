//! What was observed outside of a simulation, on a page: recordings, and providers behind COM.

use std::io::{self, Write};

#[cfg(any(windows, feature = "com-vtable-testing"))]
use mapi_sync::contract::Rule;
#[cfg(feature = "cli")]
use mapi_sync::record::TraceReport;

use super::text::{line, shown};
use super::{begin, end};
#[cfg(any(windows, feature = "com-vtable-testing"))]
use crate::foreign::{ForeignReport, ProcessRule};
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
    let broken = found.len() as u64 + report.more_violations;
    let verdict = verdict(broken, (report.syncs == 0).then_some("nothing was checked"));
    write_head(out, "A recording", &verdict, &about)?;
    write_found(out, &found, report.more_violations)?;
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
    let ForeignReport { syncs, failed_starts, dones, calls, elapsed_s, .. } = report;
    let mut about = vec![
        format!("export {export}"),
        format!(
            "{syncs} syncs in {elapsed_s:.1} s: {dones} ended with Done, {failed_starts} starts \
             failed, {} callbacks",
            grouped(*calls)
        ),
    ];
    let unproved = if let Some(why) = &report.unusable {
        about.push(format!("! the provider could not be used: {why}"));
        Some("the provider could not be checked")
    } else {
        report.is_vacuous().then_some("nothing was checked: no sync got as far as its Done")
    };
    let found = report.violations.iter().map(|violation| {
        let rule = violation.rule.parse::<Rule>().ok();
        let of_process = ProcessRule::ALL.iter().find(|rule| rule.id() == violation.rule);
        Found {
            rule: &violation.rule,
            level: violation.level.clone(),
            blame: violation.blame.clone(),
            message: &violation.message,
            statement: rule
                .map(Rule::statement)
                .or_else(|| of_process.map(|rule| rule.statement())),
            source: rule.map(Rule::source),
            calls: violation.calls.clone(),
        }
    });
    let found: Vec<Found<'_>> = found.collect();
    begin(out, provider)?;
    write_head(out, provider, &verdict(found.len() as u64, unproved), &about)?;
    write_found(out, &found, 0)?;
    let did = report.exercised.iter().map(|did| format!("{}: {}", did.what, grouped(did.times)));
    write_list(out, "What the host did, and how often", did)?;
    let did_not = report.not_exercised().map(|habit| habit.id().to_owned());
    write_list(out, "What it had no chance to do", did_not)?;
    writeln!(out, "</main>")?;
    end(out, None)
}

/// Writes a list under a heading, if it has anything.
#[cfg(any(windows, feature = "com-vtable-testing"))]
fn write_list(
    out: &mut dyn Write,
    heading: &str,
    lines: impl Iterator<Item = String>,
) -> io::Result<()> {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return Ok(());
    }
    writeln!(out, "<section><h2>{heading}</h2>\n<ul>")?;
    for line in lines {
        writeln!(out, "<li>{}</li>", shown(&line))?;
    }
    writeln!(out, "</ul></section>")
}

/// How many violations are shown, and how many calls of each.
const SHOWN: usize = 200;

/// The verdict on a number of violations. If there is none, `unproved` says why that shows nothing.
fn verdict(broken: u64, unproved: Option<&str>) -> String {
    match (broken, unproved) {
        (0, None) => "✓ no rule was broken".to_owned(),
        (0, Some(why)) => format!("! {why}"),
        (1, _) => "✕ 1 violation found".to_owned(),
        (several, _) => format!("✕ {} violations found", grouped(several)),
    }
}

fn write_head(out: &mut dyn Write, title: &str, verdict: &str, about: &[String]) -> io::Result<()> {
    writeln!(out, "<main>\n<header><h1>{}</h1>\n<p class=\"verdict\">{verdict}</p>", line(title))?;
    for line in about {
        writeln!(out, "<p class=\"how\">{}</p>", shown(line))?;
    }
    writeln!(out, "</header>")
}

fn write_found(out: &mut dyn Write, all: &[Found<'_>], more: u64) -> io::Result<()> {
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

#[cfg(all(test, any(windows, feature = "com-vtable-testing")))]
mod tests {
    use super::*;

    fn page(report: &ForeignReport) -> String {
        let mut out = Vec::new();
        write_foreign(&mut out, "C:\\mail\\<b>.dll", "Store", report).expect("memory takes it");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn what_was_not_checked_does_not_hold() {
        let mut report = ForeignReport { syncs: 20, failed_starts: 20, ..Default::default() };
        let said = page(&report);
        assert!(said.contains(r#"<p class="verdict">! nothing was checked"#), "{said}");
        report.unusable = Some("there is no export <Store>".into());
        let said = page(&report);
        assert!(said.contains(r#"<p class="verdict">! the provider could not be"#), "{said}");
        assert!(said.contains("there is no export &lt;Store&gt;"), "{said}");
        assert!(!said.contains("no rule was broken"), "{said}");
    }

    #[test]
    fn provider_behind_com_is_shown_with_its_rules() {
        let mut report = ForeignReport { syncs: 20, dones: 20, calls: 4_000, ..Default::default() };
        let said = page(&report);
        assert!(said.contains("✓ no rule was broken"), "{said}");
        assert!(said.contains("<h2>What it had no chance to do</h2>"), "{said}");
        assert!(said.contains("&lt;b&gt;.dll"), "{said}");
        report.add(ProcessRule::Threads, "3 threads are left".into());
        let said = page(&report);
        for part in ["✕ 1 violation found", "3 threads are left", ProcessRule::Threads.statement()]
        {
            assert!(said.contains(part), "{part} is missing: {said}");
        }
    }
}

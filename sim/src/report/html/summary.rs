//! What a check did, on a page: the verdict at its top, and what was exercised at its end.

use std::io::{self, Write};

use super::text::{line, shown};
use crate::check::{Hang, ReplayOutcome, Replayed, Report, SubjectKind};
use crate::report::command::replay_command;
use crate::report::human::grouped;

/// How many warnings are shown.
const WARNINGS: usize = 100;

/// Writes what was checked, and the verdict.
pub(super) fn write_head(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let defects: usize = report.counterexamples.iter().map(|shown| shown.defects.len()).sum();
    let of_program = report.kind == SubjectKind::Program;
    let verdict = if defects > 0 {
        let what = if of_program { "defect" } else { "violation" };
        format!("✕ {defects} {what}{} found", if defects == 1 { "" } else { "s" })
    } else if report.hang.is_some() {
        "! a poll did not return".to_owned()
    } else if report.schedules == 0 {
        "! no schedule was run".to_owned()
    } else if !report.holds() {
        "! incomplete: a thread is not under control".to_owned()
    } else if of_program {
        "✓ nothing went wrong".to_owned()
    } else {
        "✓ the contract held".to_owned()
    };
    write_title(out, &report.scenario, &verdict)?;
    let of = match report.requested {
        Some(requested) if !report.complete => format!(" of {}", grouped(requested)),
        _ => String::new(),
    };
    writeln!(
        out,
        "<p class=\"how\">{}{of} schedules, strategy {}, seed {}. <a href=\"#summary\">What was \
         exercised</a></p>",
        grouped(report.schedules),
        shown(report.strategy),
        report.seed
    )?;
    if let Some(hang) = &report.hang {
        write_hang(out, hang)?;
    }
    if report.counterexamples.len() > 1 {
        writeln!(out, "<nav aria-label=\"Counterexamples\"><ul>")?;
        for (number, found) in report.counterexamples.iter().enumerate() {
            let ids: Vec<&str> = found.defects.iter().map(|defect| defect.id()).collect();
            writeln!(out, "<li><a href=\"#c{number}\">{}</a></li>", shown(&ids.join(", ")))?;
        }
        writeln!(out, "</ul></nav>")?;
    }
    write_warnings(out, report)?;
    writeln!(out, "</header>")
}

/// Writes what was replayed, and what came of it.
pub(super) fn write_replay_head(out: &mut dyn Write, replayed: &Replayed) -> io::Result<()> {
    let of_program = replayed.subject.kind == SubjectKind::Program;
    let verdict = match replayed.outcome() {
        ReplayOutcome::Mended if of_program => "✓ nothing went wrong",
        ReplayOutcome::Mended => "✓ the contract held",
        ReplayOutcome::NoLongerApplies => "! the token no longer applies",
        ReplayOutcome::OutsideThread => "! incomplete: a thread is not under control",
        ReplayOutcome::Broken => "✕ broken",
    };
    write_title(out, &replayed.subject.name, verdict)?;
    if replayed.outcome() == ReplayOutcome::NoLongerApplies
        && let Some(left_over) = &replayed.left_over
    {
        let words = left_over.in_words(replayed.token.decisions.len());
        writeln!(out, "<p class=\"how\">{}</p>", shown(&words))?;
    }
    if let Some(name) = replayed.token.defect()
        && replayed.outcome() == ReplayOutcome::Broken
        && replayed.shows_its_defect() == Some(false)
    {
        let name = shown(name);
        writeln!(
            out,
            "<p class=\"how\">The token is of {name}, which does not show any more.</p>"
        )?;
    }
    writeln!(out, "</header>")
}

pub(super) fn write_title(out: &mut dyn Write, name: &str, verdict: &str) -> io::Result<()> {
    writeln!(
        out,
        "<header>\n<h1>{}</h1>\n<p class=\"verdict\">{}</p>\n\
         <button type=\"button\" id=\"help\" hidden>Keys (?)</button>",
        line(name),
        shown(verdict)
    )
}

fn write_hang(out: &mut dyn Write, hang: &Hang) -> io::Result<()> {
    writeln!(
        out,
        "<p class=\"how\">Ended: {}. What follows is of the part that was run.</p>",
        shown(&hang.to_string())
    )?;
    if let Some(token) = &hang.token {
        let command = replay_command(&hang.subject, token);
        super::counterexample::write_command(out, &command)?;
    }
    Ok(())
}

fn write_warnings(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    if report.warnings.is_empty() {
        return Ok(());
    }
    writeln!(out, "<ul class=\"warnings\" aria-label=\"Warnings\">")?;
    for warning in report.warnings.iter().take(WARNINGS) {
        let is_failure = report.strict || warning.is_incomplete();
        let word = if is_failure { "✕ Failed" } else { "! Warning" };
        let words = warning.in_words(report.kind);
        writeln!(out, "<li><strong>{word}:</strong> {}</li>", shown(&words))?;
    }
    if let Some(more @ 1..) = report.warnings.len().checked_sub(WARNINGS) {
        writeln!(out, "<li>and {more} more</li>")?;
    }
    writeln!(out, "</ul>")
}

/// Writes what was exercised.
pub(super) fn write(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    writeln!(out, "<section id=\"summary\" aria-labelledby=\"summaryh\">")?;
    writeln!(out, "<h2 id=\"summaryh\">What was exercised</h2>\n<dl class=\"figures\">")?;
    let seconds = report.elapsed.as_secs_f64();
    let mut figures = vec![
        ("Schedules", grouped(report.schedules)),
        ("Steps", grouped(report.steps)),
        ("Time", format!("{seconds:.1} s")),
        ("Schedules a second", grouped(report.schedules_per_s().round() as u64)),
        ("Threads", report.jobs.to_string()),
    ];
    if report.repeated > 0 {
        let percent = |share| (100.0 * report.chance_to_see_a_difference(share)).floor();
        let words = format!(
            "{}: what differs in 1 % of runs is seen with a chance of {:.0} %",
            grouped(report.repeated),
            percent(0.01)
        );
        figures.push(("Run again and compared", words));
    }
    if let Some(proof) = &report.proof {
        figures.push(("Shown", proof.to_string()));
    }
    for (name, figure) in &figures {
        writeln!(out, "<dt>{name}</dt><dd>{}</dd>", shown(figure))?;
    }
    writeln!(out, "</dl>")?;
    write_rules(out, report)?;
    write_coverage(out, report)?;
    write_goals(out, report)?;
    write_durations(out, report)?;
    writeln!(out, "<p>Orders are tried between polls, never inside of one.</p>\n</section>")
}

/// How often each rule had a chance to be broken.
fn write_rules(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    if report.exercised.is_empty() {
        return Ok(());
    }
    begin_table(out, "The rules", &["Rule", "Level", "Chances to break it", "Found"])?;
    for of in &report.exercised {
        let rule = of.rule;
        let is_broken = report
            .counterexamples
            .iter()
            .any(|shown| shown.defects.contains(&crate::Defect::Rule(rule)));
        let found = if is_broken { "✕ broken" } else { "–" };
        let chances = match (of.chances, rule.needs()) {
            (0, Some(needs)) => format!("none: {needs}"),
            (_, None) => format!("{} (every schedule)", grouped(of.chances)),
            (chances, Some(_)) => grouped(chances),
        };
        writeln!(
            out,
            "<tr><th scope=\"row\" title=\"{}\">{}</th><td>{}</td><td>{}</td><td>{found}</td></tr>",
            shown(rule.statement()),
            shown(rule.id()),
            rule.level(),
            shown(&chances)
        )?;
    }
    end_table(out)
}

fn write_coverage(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let is_engines = |name: &str| {
        crate::world::Fault::ALL.iter().any(|fault| fault.name() == name && fault.is_engines())
    };
    let of_program = report.kind == SubjectKind::Program;
    begin_table(out, "Calls and faults", &["What", "How often"])?;
    for (name, count) in report.coverage.counters() {
        if !of_program || is_engines(name) {
            let count = if count == 0 { "never".to_owned() } else { grouped(count) };
            let name = name.replace('_', " ");
            writeln!(out, "<tr><th scope=\"row\">{}</th><td>{count}</td></tr>", shown(&name))?;
        }
    }
    end_table(out)
}

fn write_goals(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    if report.goals.is_empty() {
        return Ok(());
    }
    begin_table(out, "Goals", &["Goal", "Schedules that met it"])?;
    for goal in &report.goals {
        let (name, met) = (line(goal.name), grouped(goal.met));
        writeln!(out, "<tr><th scope=\"row\">{name}</th><td>{met}</td></tr>")?;
    }
    end_table(out)
}

fn write_durations(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let most = report.durations.buckets().map(|(_, count)| count).max().unwrap_or_default();
    if most == 0 {
        return Ok(());
    }
    let heads = ["Virtual milliseconds", "Schedules", "Share of the largest"];
    begin_table(out, "How long the schedules were", &heads)?;
    for (range, count) in report.durations.buckets() {
        let words = match (*range.start(), *range.end()) {
            (first, last) if first == last => grouped(first),
            (first, u64::MAX) => format!("{} and more", grouped(first)),
            (first, last) => format!("{} to {}", grouped(first), grouped(last)),
        };
        // Something is never shown as nothing.
        let percent = (count * 100 / most).max(u64::from(count > 0));
        writeln!(
            out,
            "<tr><th scope=\"row\">{words}</th><td>{}</td>\
             <td class=\"share\"><i class=\"p{percent}\"></i> {percent} %</td></tr>",
            grouped(count)
        )?;
    }
    end_table(out)
}

fn begin_table(out: &mut dyn Write, caption: &str, heads: &[&str]) -> io::Result<()> {
    write!(out, "<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"{caption}\">")?;
    write!(out, "<table><caption>{caption}</caption><thead><tr>")?;
    for head in heads {
        write!(out, "<th scope=\"col\">{head}</th>")?;
    }
    writeln!(out, "</tr></thead><tbody>")
}

fn end_table(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "</tbody></table></div>")
}

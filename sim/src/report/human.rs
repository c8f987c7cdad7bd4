//! Results in words.

use std::io::{self, Write};

use mapi_sync::contract::Rule;

use super::Palette;
use super::timeline::{step_in_words, write_timeline};
use crate::check::{Breach, Execution, MutantsReport, Replayed, Report, Subject, SubjectKind};
use crate::decision::Token;
use crate::world::{Changes, MUTANTS, Scenario};
use crate::{Counterexample, Why};

/// So many counterexamples are shown with their time lines; of the others a line each.
const IN_FULL: usize = 3;

/// Writes the result of a check.
///
/// # Errors
///
/// What `out` fails with.
pub fn write_report(out: &mut dyn Write, report: &Report, palette: &Palette) -> io::Result<()> {
    let (full, rest) = report.counterexamples.split_at(report.counterexamples.len().min(IN_FULL));
    for shown in full {
        write_counterexample(out, shown, palette)?;
        writeln!(out)?;
    }
    for shown in rest {
        let Palette { bad, literal, .. } = palette;
        for defect in &shown.defects {
            if let Some(breach) = shown.execution.breach(*defect) {
                writeln!(out, "{bad}{defect}{bad:#}: {}", breach.message)?;
            }
        }
        let command = replay_command(&shown.subject, &shown.token());
        writeln!(out, "  {literal}{command}{literal:#}\n")?;
    }
    write_summary(out, report, palette)
}

fn write_summary(out: &mut dyn Write, report: &Report, palette: &Palette) -> io::Result<()> {
    let Palette { good, bad, involved, heading, faint, .. } = palette;
    let Report { scenario, strategy, seed, schedules, .. } = report;
    let defects: usize = report.counterexamples.iter().map(|shown| shown.defects.len()).sum();
    write!(out, "{heading}{scenario}{heading:#}: ")?;
    if defects == 0 && *schedules == 0 {
        writeln!(out, "{involved}no schedule was run{involved:#}")?;
    } else if defects == 0 {
        writeln!(out, "{good}the contract held{good:#}")?;
    } else {
        let s = if defects == 1 { "" } else { "s" };
        writeln!(out, "{bad}{defects} violation{s} found{bad:#}")?;
    }
    let how_many = grouped(*schedules);
    let of = match report.requested {
        Some(requested) if !report.complete => format!(" of {}", grouped(requested)),
        _ => String::new(),
    };
    write!(out, "  {how_many}{of} schedules, strategy {strategy}, seed {seed}")?;
    writeln!(out, "; {} steps", grouped(report.steps))?;
    if let Some(proof) = &report.proof {
        let style = if proof.complete { good } else { involved };
        writeln!(out, "  {style}{proof}{style:#}")?;
    }
    if report.interrupted {
        writeln!(
            out,
            "  {involved}interrupted{involved:#}: what follows is of the part that was run"
        )?;
    }
    let seconds = report.elapsed.as_secs_f64();
    let rate = rounded(report.schedules_per_s());
    writeln!(
        out,
        "  {faint}{seconds:.1} s, {rate} schedules a second, jobs {}{faint:#}",
        report.jobs
    )?;
    let counters: Vec<String> = report
        .coverage
        .counters()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{} {}", name.replace('_', " "), grouped(count)))
        .collect();
    write_wrapped(out, "  exercised: ", &counters)?;
    for warning in &report.warnings {
        let (style, word) = if report.strict { (bad, "failed") } else { (involved, "warning") };
        writeln!(out, "  {style}{word}{style:#}: {warning}")?;
    }
    Ok(())
}

/// Writes an execution that was run again.
///
/// # Errors
///
/// What `out` fails with.
pub fn write_replay(out: &mut dyn Write, replayed: &Replayed, palette: &Palette) -> io::Result<()> {
    let Replayed { subject, execution, scenario, token } = replayed;
    let breaches: Vec<&Breach> = execution.breaches.iter().collect();
    for breach in &breaches {
        write_breach(out, breach, palette)?;
    }
    if !breaches.is_empty() {
        writeln!(out)?;
    }
    write_timeline(out, execution, &breaches, None, palette, true)?;
    write_end(out, execution, palette)?;
    write_changes(out, scenario, &subject.changes)?;
    let Palette { good, bad, heading, .. } = palette;
    let departures = grouped(token.decisions.len() as u64);
    let steps = grouped(execution.outcome.steps);
    let name = &subject.name;
    write!(out, "\n{heading}{name}{heading:#}: {steps} steps, {departures} decisions: ")?;
    match breaches.len() {
        0 => writeln!(out, "{good}the contract held{good:#}"),
        1 => writeln!(out, "{bad}1 violation{bad:#}"),
        n => writeln!(out, "{bad}{n} violations{bad:#}"),
    }
}

fn write_counterexample(
    out: &mut dyn Write,
    shown: &Counterexample,
    palette: &Palette,
) -> io::Result<()> {
    let Counterexample { index, defects, execution, subject, .. } = shown;
    let breaches: Vec<&Breach> =
        defects.iter().filter_map(|defect| execution.breach(*defect)).collect();
    for breach in &breaches {
        write_breach(out, breach, palette)?;
    }
    writeln!(out)?;
    let pair = match &shown.why {
        Some(Why::Order { first, second, .. }) => Some([first, second]),
        _ => None,
    };
    write_timeline(out, execution, &breaches, pair, palette, false)?;
    write_end(out, execution, palette)?;
    write_why(out, shown, palette)?;
    write_changes(out, &shown.scenario, &subject.changes)?;
    let Palette { faint, literal, .. } = palette;
    let (left, found) = (shown.decisions.len(), shown.found_decisions);
    write!(out, "\n   {faint}first seen in schedule {}", grouped(index + 1))?;
    if left < found {
        write!(out, ", with {found} decisions of which {left} are left")?;
    }
    if shown.shrink_executions > 0 {
        write!(out, "; made smaller in {} executions", grouped(shown.shrink_executions.into()))?;
    }
    writeln!(out, "; to replay:{faint:#}")?;
    writeln!(out, "   {literal}{}{literal:#}", replay_command(subject, &shown.token()))
}

/// Says what decides that an execution shows a defect.
fn write_why(out: &mut dyn Write, shown: &Counterexample, palette: &Palette) -> io::Result<()> {
    let Palette { heading, literal, .. } = palette;
    let Some(why) = &shown.why else { return Ok(()) };
    write!(out, "   {heading}what decides:{heading:#} ")?;
    match why {
        Why::Order { first, second, moved, .. } => {
            let adjacent = second.step == first.step + 1;
            match moved {
                1 => write!(
                    out,
                    "the order of two {}steps",
                    if adjacent { "adjacent " } else { "" }
                )?,
                _ => write!(out, "the order of a step and the next {moved} of `{}`", second.task)?,
            }
            writeln!(out, "{}", if adjacent { "" } else { "; those between can come later" })?;
            for (number, step) in [(1, first), (2, second)] {
                writeln!(out, "     ({number}) {}", step_in_words(step, &shown.execution))?;
            }
            write!(out, "   exchanged, {} is gone:", shown.defects[0])?;
        }
        Why::Decision { what, .. } => {
            write!(out, "{what}\n   without that, {} is gone:", shown.defects[0])?;
        }
        Why::EverySchedule { others } => {
            return writeln!(
                out,
                "the scenario alone: {others} other schedules of it were run, and all show the same"
            );
        }
        Why::Several => {
            return writeln!(out, "several things together: no single exchange or decision");
        }
    }
    match why.without() {
        Some(without) => {
            let token = shown.subject.token(without.clone());
            writeln!(out, " {literal}{}{literal:#}", replay_command(&shown.subject, &token))
        }
        None => writeln!(out),
    }
}

/// Says how the scenario of an execution differs from the one that it is of.
fn write_changes(out: &mut dyn Write, scenario: &Scenario, changes: &Changes) -> io::Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let words = changes.in_words(scenario);
    let words: Vec<String> =
        words.into_iter().map(|(what, from, to)| format!("{what} {from} -> {to}")).collect();
    write_wrapped(out, "   in a smaller scenario: ", &words)
}

fn write_breach(out: &mut dyn Write, breach: &Breach, palette: &Palette) -> io::Result<()> {
    let Palette { bad, heading, faint, .. } = palette;
    let Breach { defect, message, .. } = breach;
    let level = defect.level();
    let blame = match defect.blame() {
        Some(blame) => format!("the {blame} is to blame"),
        None => "the calls do not tell who is to blame".to_owned(),
    };
    writeln!(out, "{bad}{defect}{bad:#} ({level}): {blame}")?;
    writeln!(out, "   {heading}{message}{heading:#}")?;
    writeln!(out, "   {faint}rule: {}{faint:#}", defect.statement())
}

fn write_end(out: &mut dyn Write, execution: &Execution, palette: &Palette) -> io::Result<()> {
    let Palette { faint, .. } = palette;
    let outcome = &execution.outcome;
    writeln!(
        out,
        "   {faint}{} after {} steps and {} context switches at {} ms{faint:#}",
        if outcome.end == crate::engine::End::Completed { "completed" } else { "ended" },
        grouped(outcome.steps),
        grouped(execution.switches),
        grouped(outcome.virtual_ms),
    )
}

/// What to type to see it again.
fn replay_command(subject: &Subject, token: &Token) -> String {
    match subject.kind {
        SubjectKind::Provider => format!(".replay(\"{token}\")"),
        SubjectKind::Given => format!("mapi-sync replay {token} SCENARIO-FILE"),
        _ => format!("mapi-sync replay {token}"),
    }
}

/// Writes the result of a check of all mutants.
///
/// # Errors
///
/// What `out` fails with.
pub fn write_mutants(
    out: &mut dyn Write,
    report: &MutantsReport,
    palette: &Palette,
) -> io::Result<()> {
    let Palette { good, bad, involved, heading, faint, .. } = palette;
    let width = MUTANTS.iter().map(|info| info.name.len()).max().unwrap_or(0);
    let rules = Rule::ALL.iter().map(|rule| rule.id().len()).max().unwrap_or(0);
    writeln!(
        out,
        "{heading}   {:width$}  {:rules$}  schedules  needs{heading:#}",
        "mutant", "rule"
    )?;
    for mutant in &report.mutants {
        let (mark, style) = if mutant.found { ("ok", good) } else { ("--", bad) };
        let info = mutant.info;
        write!(out, "{style}{mark}{style:#} {:width$}  {:rules$}  ", info.name, info.rule.id())?;
        write!(out, "{:>9}  {faint}{}{faint:#}", grouped(mutant.schedules), info.needs.text())?;
        match mutant.found_rule {
            _ if mutant.found => writeln!(out)?,
            Some(defect) => writeln!(out, "  {bad}found as {defect}{bad:#}")?,
            None => writeln!(out, "  {bad}not found{bad:#}")?,
        }
    }
    let width = report.variants.iter().map(|variant| variant.info.name.len()).max().unwrap_or(0);
    writeln!(out, "\n{heading}   {:width$}  schedules{heading:#}", "correct variant")?;
    for variant in &report.variants {
        let right = variant.accused.is_empty();
        let (mark, style) = if right { ("ok", good) } else { ("--", bad) };
        let schedules = grouped(variant.schedules);
        writeln!(out, "{style}{mark}{style:#} {:width$}  {schedules:>9}", variant.info.name)?;
        for (defect, token) in &variant.accused {
            writeln!(out, "   {bad}accused of {defect}{bad:#}: mapi-sync replay {token}")?;
        }
    }
    let found = report.mutants.iter().filter(|mutant| mutant.found).count();
    let accused = report.variants.iter().filter(|variant| !variant.accused.is_empty()).count();
    let (of, variants) = (report.mutants.len(), report.variants.len());
    let style = if report.is_right() { good } else { bad };
    writeln!(
        out,
        "\n{style}{found} of {of} mutants found with their rule, {accused} of {variants} correct variants accused{style:#}"
    )?;
    if report.interrupted {
        writeln!(out, "{involved}interrupted{involved:#}: the others were not looked at")?;
    }
    Ok(())
}

/// Writes the table of the rules.
///
/// # Errors
///
/// What `out` fails with.
pub fn write_rules(out: &mut dyn Write, rules: &[Rule], palette: &Palette) -> io::Result<()> {
    let Palette { heading, literal, .. } = palette;
    let width = rules.iter().map(|rule| rule.id().len()).max().unwrap_or(0);
    writeln!(out, "{heading}{:width$}  level   blame     what it says{heading:#}", "rule")?;
    for rule in rules {
        let (level, blame) = (rule.level(), rule.blame());
        write!(out, "{literal}{:width$}{literal:#}  {level:6}  {blame:8}  ", rule.id())?;
        writeln!(out, "{}", rule.statement())?;
    }
    Ok(())
}

/// Writes all about one rule.
///
/// # Errors
///
/// What `out` fails with.
pub fn write_rule(out: &mut dyn Write, rule: Rule, palette: &Palette) -> io::Result<()> {
    let Palette { heading, literal, .. } = palette;
    writeln!(out, "{literal}{rule}{literal:#}")?;
    writeln!(out, "   {}\n", rule.statement())?;
    writeln!(out, "   {heading}level{heading:#}   {}", rule.level())?;
    writeln!(out, "   {heading}blame{heading:#}   the {}", rule.blame())?;
    writeln!(out, "   {heading}source{heading:#}  {}", rule.source())?;
    let mut broken = MUTANTS.iter().filter(|info| info.rule == rule).peekable();
    if broken.peek().is_some() {
        writeln!(out, "\n   {heading}how it is broken{heading:#} (try `mapi-sync check NAME`)")?;
    }
    for info in broken {
        writeln!(out, "   {literal}{}{literal:#}: {}", info.name, info.summary)?;
    }
    Ok(())
}

/// Writes words after a heading, in lines of at most 100 characters.
fn write_wrapped(out: &mut dyn Write, heading: &str, words: &[String]) -> io::Result<()> {
    let indent = heading.chars().count();
    write!(out, "{heading}")?;
    let mut column = indent;
    for (n, word) in words.iter().enumerate() {
        let comma = if n + 1 < words.len() { ", " } else { "" };
        let width = word.chars().count() + comma.len();
        if column + width > 100 && column > indent {
            write!(out, "\n{:indent$}", "")?;
            column = indent;
        }
        write!(out, "{word}{comma}")?;
        column += width;
    }
    writeln!(out)
}

/// A number with a comma between each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is no less than 0, and a saturating cast is good enough"
)]
fn rounded(rate: f64) -> String {
    grouped(rate.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_from_the_right() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn long_lists_are_wrapped_under_their_heading() {
        let words: Vec<String> = (0..40).map(|n| format!("word {n}")).collect();
        let mut text = Vec::new();
        write_wrapped(&mut text, "  all: ", &words).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= 100));
        assert!(text.lines().skip(1).all(|line| line.starts_with("       word")));
        assert_eq!(text.split_whitespace().filter(|word| *word == "word").count(), 40);
    }
}

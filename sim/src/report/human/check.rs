//! A check and a replay in words.

use std::io::{self, Write};

use mapi_sync::contract::Rule;

use super::timeline::{step_in_words, write_timeline};
use super::{by_reason, grouped, rounded, write_wrapped};
use crate::check::{
    Breach, Execution, Hang, ReplayOutcome, Replayed, Report, Subject, SubjectKind,
};
use crate::report::Palette;
use crate::report::changes::changes_in_words;
use crate::report::command::replay_command;
use crate::world::Scenario;
use crate::{Counterexample, Why};

/// How many counterexamples are shown with their time lines. Each of the others gets one line.
const IN_FULL: usize = 3;

/// Writes the result of a check.
pub(super) fn write_report(
    out: &mut dyn Write,
    report: &Report,
    palette: &Palette,
) -> io::Result<()> {
    let (full, rest) = report.counterexamples.split_at(report.counterexamples.len().min(IN_FULL));
    for shown in full {
        write_counterexample(out, shown, palette)?;
        writeln!(out)?;
    }
    for shown in rest {
        let Palette { bad, literal, .. } = palette;
        for defect in &shown.defects {
            if let Some(breach) = shown.execution.breach(*defect) {
                writeln!(out, "{bad}{defect}{bad:#}: {}", shown.sentence_of(breach.defect))?;
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
    if defects == 0 && report.hang.is_some() {
        writeln!(out, "{involved}a poll did not return{involved:#}")?;
    } else if defects == 0 && *schedules == 0 {
        writeln!(out, "{involved}no schedule was run{involved:#}")?;
    } else if defects == 0 && !report.holds() {
        writeln!(out, "{involved}incomplete: a thread is not under control{involved:#}")?;
    } else if defects == 0 {
        writeln!(out, "{good}{}{good:#}", nothing_found(report.kind))?;
    } else {
        let s = if defects == 1 { "" } else { "s" };
        writeln!(out, "{bad}{defects} {}{s} found{bad:#}", finding(report.kind))?;
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
    if let Some(hang) = &report.hang {
        write_hang(out, hang, palette)?;
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
    if !counters.is_empty() {
        write_wrapped(out, "  exercised: ", &counters)?;
    }
    let met = report.goals.iter().filter(|goal| goal.met > 0);
    let met: Vec<String> = met.map(|goal| format!("{} {}", goal.name, grouped(goal.met))).collect();
    if !met.is_empty() {
        write_wrapped(out, "  goals met: ", &met)?;
    }
    if report.repeated > 0 {
        let percent = |share| 100.0 * report.chance_to_see_a_difference(share);
        writeln!(
            out,
            "  run again and compared: {} schedules; what differs in 1 % of runs is seen with a \
             chance of {:.0} %, in 10 % with {:.0} %",
            grouped(report.repeated),
            percent(0.01).floor(),
            percent(0.1).floor(),
        )?;
    }
    if !report.vacuous.is_empty() {
        let needs = |rule: &Rule| Some((rule.id(), rule.needs()?));
        let rules: Vec<String> = by_reason(report.vacuous.iter().filter_map(needs))
            .into_iter()
            .map(|(needs, rules)| format!("{} ({needs})", rules.join(" and ")))
            .collect();
        write_wrapped(out, "  no chance to be broken: ", &rules)?;
    }
    writeln!(out, "  {faint}orders are tried between polls, never inside of one{faint:#}")?;
    for warning in &report.warnings {
        let is_failure = report.strict || warning.is_incomplete();
        let (style, word) = if is_failure { (bad, "failed") } else { (involved, "warning") };
        writeln!(out, "  {style}{word}{style:#}: {}", warning.in_words(report.kind))?;
    }
    Ok(())
}

/// What a check found that found nothing.
fn nothing_found(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::Program => "nothing went wrong",
        _ => "the contract held",
    }
}

/// What a check finds.
fn finding(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::Program => "defect",
        _ => "violation",
    }
}

/// Writes which poll ended the check, and how to get there again.
fn write_hang(out: &mut dyn Write, hang: &Hang, palette: &Palette) -> io::Result<()> {
    let Palette { involved, literal, .. } = palette;
    writeln!(out, "  {involved}ended{involved:#}: {hang}")?;
    writeln!(out, "  what follows is of the part that was run")?;
    if !hang.unshown.is_empty() {
        let found: Vec<&str> = hang.unshown.iter().map(|defect| defect.id()).collect();
        writeln!(out, "  found before, and not shown, for that hung too: {}", found.join(", "))?;
    }
    if let Some(token) = &hang.token {
        let command = replay_command(&hang.subject, token);
        writeln!(out, "  to stop there with a debugger: {literal}{command}{literal:#}")?;
    }
    Ok(())
}

/// Writes an execution that a token replayed.
pub(super) fn write_replay(
    out: &mut dyn Write,
    replayed: &Replayed,
    palette: &Palette,
) -> io::Result<()> {
    let Replayed { subject, execution, scenario, token, left_over } = replayed;
    let breaches: Vec<&Breach> = execution.breaches.iter().collect();
    for breach in &breaches {
        let sentence = execution.sentence(breach.defect).unwrap_or_default();
        write_breach(out, execution, breach, &sentence, palette)?;
    }
    if !breaches.is_empty() {
        writeln!(out)?;
    }
    write_timeline(out, execution, &breaches, None, palette, true)?;
    write_end(out, execution, palette)?;
    write_changes(out, scenario, subject)?;
    let Palette { good, bad, involved, heading, .. } = palette;
    let departures = grouped(token.decisions.len() as u64);
    let steps = grouped(execution.outcome.steps);
    let name = &subject.name;
    write!(out, "\n{heading}{name}{heading:#}: {steps} steps, {departures} decisions: ")?;
    match (replayed.outcome(), breaches.len()) {
        (ReplayOutcome::Mended, _) => {
            writeln!(out, "{good}{}{good:#}", nothing_found(subject.kind))?;
        }
        (ReplayOutcome::NoLongerApplies, _) => {
            writeln!(out, "{involved}the token no longer applies{involved:#}")?;
        }
        (ReplayOutcome::OutsideThread, _) => {
            writeln!(out, "{involved}incomplete: a thread is not under control{involved:#}")?;
        }
        (ReplayOutcome::Broken, n) => {
            let s = if n == 1 { "" } else { "s" };
            writeln!(out, "{bad}{n} {}{s}{bad:#}", finding(subject.kind))?;
        }
    }
    if let Some(name) = token.defect()
        && replayed.outcome() == ReplayOutcome::Broken
        && replayed.shows_its_defect() == Some(false)
    {
        writeln!(
            out,
            "  {involved}the token is of {name}, which does not show any more{involved:#}"
        )?;
    }
    match left_over {
        Some(left_over) if replayed.outcome() == ReplayOutcome::NoLongerApplies => {
            writeln!(out, "  {}", left_over.in_words(token.decisions.len()))
        }
        _ => Ok(()),
    }
}

pub(super) fn write_counterexample(
    out: &mut dyn Write,
    shown: &Counterexample,
    palette: &Palette,
) -> io::Result<()> {
    let Counterexample { index, defects, execution, subject, .. } = shown;
    let breaches: Vec<&Breach> =
        execution.breaches.iter().filter(|breach| defects.contains(&breach.defect)).collect();
    for breach in &breaches {
        write_breach(out, execution, breach, &shown.sentence_of(breach.defect), palette)?;
    }
    writeln!(out)?;
    write_timeline(out, execution, &breaches, shown.why.as_ref(), palette, false)?;
    write_end(out, execution, palette)?;
    write_why(out, shown, palette)?;
    write_changes(out, &shown.scenario, subject)?;
    let Palette { faint, literal, .. } = palette;
    let (left, found) = (shown.decisions.len(), shown.found_decisions);
    write!(out, "\n   {faint}first seen in schedule {}", grouped(index + 1))?;
    if left < found {
        write!(out, ", with {found} decisions of which {left} are left")?;
    }
    if shown.shrink_executions > 0 {
        write!(out, "; made smaller in {} executions", grouped(shown.shrink_executions.into()))?;
    }
    if let Some(shortfall) = shown.shrinking.shortfall() {
        write!(out, "; not minimal: {shortfall}")?;
    } else if let Some(shortfall) = shown.explaining.shortfall() {
        write!(out, "; not explained: {shortfall}")?;
    }
    writeln!(out, "; to replay:{faint:#}")?;
    writeln!(out, "   {literal}{}{literal:#}", replay_command(subject, &shown.token()))
}

/// Writes which order of steps, or which decision, makes the defect show.
fn write_why(out: &mut dyn Write, shown: &Counterexample, palette: &Palette) -> io::Result<()> {
    let Palette { heading, literal, .. } = palette;
    let (Some(why), Some(defect)) = (&shown.why, shown.defects.first()) else { return Ok(()) };
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
            write!(out, "   exchanged, {defect} is gone:")?;
        }
        Why::Decision { what, .. } => {
            write!(out, "{what}\n   without that, {defect} is gone:")?;
        }
        Why::EverySchedule { others } => {
            return writeln!(
                out,
                "the {} alone: {others} other schedules of it were run, and all show the same",
                if shown.subject.kind == SubjectKind::Program { "program" } else { "scenario" },
            );
        }
        Why::Several => {
            return writeln!(
                out,
                "several things together: no single exchange or decision that was tried"
            );
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

/// Writes how the scenario of an execution differs from the scenario of its check.
fn write_changes(out: &mut dyn Write, scenario: &Scenario, subject: &Subject) -> io::Result<()> {
    let words = changes_in_words(subject, scenario);
    if words.is_empty() {
        return Ok(());
    }
    let words: Vec<String> =
        words.into_iter().map(|(what, from, to)| format!("{what} {from} -> {to}")).collect();
    write_wrapped(out, "   in a smaller scenario: ", &words)
}

fn write_breach(
    out: &mut dyn Write,
    execution: &Execution,
    breach: &Breach,
    sentence: &str,
    palette: &Palette,
) -> io::Result<()> {
    let Palette { bad, heading, faint, .. } = palette;
    let Breach { defect, message, .. } = breach;
    writeln!(out, "{heading}{sentence}{heading:#}")?;
    let level = execution.level(*defect);
    if execution.is_of_program {
        // It has no contract: nobody else could be to blame.
        writeln!(out, "{bad}{defect}{bad:#}")?;
    } else {
        let blame = match defect.blame() {
            Some(blame) => format!("the {blame} is to blame"),
            None => "the calls do not tell who is to blame".to_owned(),
        };
        writeln!(out, "{bad}{defect}{bad:#} ({level}): {blame}")?;
    }
    if message != sentence {
        writeln!(out, "   {message}")?;
    }
    let what = if execution.is_of_program { "expected" } else { "rule" };
    writeln!(out, "   {faint}{what}: {}{faint:#}", defect.statement())?;
    for act in &execution.undocumented {
        let name = act.name();
        writeln!(
            out,
            "   the host's part: {}, which no document promises (`{name}`)",
            act.in_words()
        )?;
    }
    Ok(())
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

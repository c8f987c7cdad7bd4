//! The rules of the contract in words.

use std::io::{self, Write};

use mapi_sync::contract::Rule;

use super::timeline::write_timeline;
use crate::check::{Breach, Counterexample, Defect, Lesson, RightExecution, WrongExecution};
use crate::report::Palette;
use crate::report::words::unseen;
use crate::world::MUTANTS;

/// Writes the table of the rules.
pub(super) fn write_rules(
    out: &mut dyn Write,
    rules: &[Rule],
    palette: &Palette,
) -> io::Result<()> {
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

/// Writes one rule in detail.
pub(super) fn write_rule(out: &mut dyn Write, rule: Rule, palette: &Palette) -> io::Result<()> {
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
    writeln!(out, "\n   {heading}what cannot be seen{heading:#}")?;
    for words in unseen(rule) {
        writeln!(out, "   - {words}")?;
    }
    Ok(())
}

/// Writes one rule in detail, with a wrong and a right time line.
pub(super) fn write_lesson(
    out: &mut dyn Write,
    lesson: &Lesson,
    palette: &Palette,
) -> io::Result<()> {
    write_rule(out, lesson.rule, palette)?;
    let Some(WrongExecution { mutant, counterexample, right, .. }) = &lesson.wrong else {
        return Ok(());
    };
    let Palette { good, bad, literal, .. } = palette;
    let Counterexample { execution, defects, .. } = counterexample;
    let sentence = counterexample.sentence_of(Defect::Rule(lesson.rule));
    writeln!(out, "\n{bad}wrong{bad:#}: {literal}{}{literal:#}: {sentence}\n", mutant.name)?;
    let of_rule = |breach: &&Breach| {
        defects.contains(&breach.defect) && breach.defect == Defect::Rule(lesson.rule)
    };
    let breaches: Vec<&Breach> = execution.breaches.iter().filter(of_rule).collect();
    write_timeline(out, execution, &breaches, counterexample.why.as_ref(), palette, false)?;
    if let Some(RightExecution { execution, is_of_mutant, .. }) = right {
        let how = if *is_of_mutant {
            "the same with what decides the other way"
        } else {
            "the same scenario without the mutant"
        };
        writeln!(out, "\n{good}right{good:#}: {how}\n")?;
        write_timeline(out, execution, &[], None, palette, false)?;
    }
    Ok(())
}

//! The table of mutants in words.

use std::io::{self, Write};

use mapi_sync::contract::Rule;

use super::grouped;
use crate::check::MutantsReport;
use crate::report::Palette;
use crate::world::MUTANTS;

/// Writes the result of a check of all mutants.
pub(super) fn write_mutants(
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
        "\n{style}{found} of {of} mutants found with their rule, \
         {accused} of {variants} correct variants accused{style:#}"
    )?;
    if report.interrupted {
        writeln!(out, "{involved}interrupted{involved:#}: the others were not looked at")?;
    }
    Ok(())
}

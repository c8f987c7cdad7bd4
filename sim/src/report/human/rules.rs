//! The rules of the contract in words.

use std::io::{self, Write};

use mapi_sync::contract::Rule;

use crate::report::Palette;
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
    Ok(())
}

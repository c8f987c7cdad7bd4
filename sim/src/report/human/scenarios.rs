//! Scenarios and their files in words.

use std::io::{self, Write};

use crate::report::{Palette, ScenarioFile};
use crate::world::Scenario;

/// Writes the names of scenarios, and what each is about.
pub(super) fn write_list(
    out: &mut dyn Write,
    scenarios: &[Scenario],
    palette: &Palette,
) -> io::Result<()> {
    let Palette { literal, .. } = palette;
    let width = scenarios.iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
    for Scenario { name, about, .. } in scenarios {
        writeln!(out, "{literal}{name:width$}{literal:#}  {about}")?;
    }
    Ok(())
}

/// Writes the valid files. The mistakes in the others go to the standard error stream.
pub(super) fn write_files(
    out: &mut dyn Write,
    files: &[ScenarioFile<'_>],
    palette: &Palette,
) -> io::Result<()> {
    let Palette { good, .. } = palette;
    for ScenarioFile { path, read } in files {
        if let Ok(scenario) = read {
            writeln!(out, "{path}: {good}valid{good:#}: {}", scenario.name)?;
        }
    }
    Ok(())
}

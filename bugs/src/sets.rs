//! Builds the sets, and runs their programs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, io};

use crate::Line;
use crate::table::{BUGS, Bug};

/// What the two versions of one bug showed.
pub struct Shown {
    /// The bug.
    pub bug: &'static Bug,
    /// What the version with the bug showed.
    pub buggy: Line,
    /// What the version without it showed.
    pub fixed: Line,
}

impl Shown {
    /// Whether the bug was found under every seed, but not by the default schedule, and the fixed
    /// version held.
    #[must_use]
    pub fn is_as_expected(&self) -> bool {
        let is_found = self.buggy.found.iter().all(Option::is_some);
        is_found && !self.buggy.by_default && self.fixed.found == [None]
    }
}

/// Builds all sets and runs all programs, one set after the other.
///
/// # Errors
///
/// If a set cannot be built, or one of its programs ends the process.
pub fn run() -> Result<Vec<Shown>, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut lines = BTreeMap::new();
    let mut sets: Vec<&str> = BUGS.iter().flat_map(|bug| [bug.buggy.set, bug.fixed.set]).collect();
    sets.sort_unstable();
    sets.dedup();
    for set in sets {
        let output = run_set(&folder.join("sets").join(set)).map_err(|e| format!("{set}: {e}"))?;
        for line in output.lines() {
            let line = Line::parse(line).ok_or_else(|| format!("{set} printed {line:?}"))?;
            lines.insert((set, line.program.clone()), line);
        }
    }
    let mut line = |set: &'static str, bug: &Bug| {
        lines
            .remove(&(set, bug.program.to_owned()))
            .ok_or_else(|| format!("{set} has no program {}", bug.program))
    };
    let shown = |bug: &'static Bug| {
        let (buggy, fixed) = (line(bug.buggy.set, bug)?, line(bug.fixed.set, bug)?);
        Ok(Shown { bug, buggy, fixed })
    };
    BUGS.iter().map(shown).collect()
}

/// Runs all programs of the set in this folder, and returns what it printed.
fn run_set(folder: &Path) -> io::Result<String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--locked", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("ended with {}", output.status)));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}

/// The sets share one folder for what they build, so that each crate is built once.
fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/sets")
}

/// The table as Markdown.
#[must_use]
pub fn table(shown: &[Shown]) -> String {
    let mut table = String::from(
        "| bug | crate | found in | as | schedules | most | held by | seconds |\n\
         | --- | --- | --- | --- | ---: | ---: | --- | ---: |\n",
    );
    for Shown { bug, buggy, fixed } in shown {
        let mut found: Vec<u64> = buggy.found.iter().flatten().copied().collect();
        found.sort_unstable();
        let (median, most) = match found[..] {
            [] => ("not found".to_owned(), String::new()),
            _ if found.len() < buggy.found.len() => {
                (format!("{} of {}", found.len(), buggy.found.len()), String::new())
            }
            _ => (found[found.len() / 2].to_string(), found[found.len() - 1].to_string()),
        };
        let held = if fixed.found == [None] { "" } else { " (not held)" };
        let Bug { about, link, name, .. } = bug;
        let (before, after) = (bug.buggy.version, bug.fixed.version);
        table += &format!(
            "| [{about}]({link}) | {name} | {before} | {} | {median} | {most} | \
             {after}{held} | {:.1} |\n",
            buggy.how, fixed.seconds,
        );
    }
    table
}

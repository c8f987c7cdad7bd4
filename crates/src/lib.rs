//! Fetches the crates, runs the programs and the crates' own tests, and reads what they print.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, io};

pub mod table;

/// What a program prints for one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The crate and the program.
    pub program: String,
    /// `default`, or the name of a search.
    pub mode: String,
    /// How many schedules were run.
    pub schedules: u64,
    /// What came of it.
    pub verdict: String,
    /// How long it took.
    pub seconds: String,
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split('\t').map(str::to_owned);
        Some(Self {
            program: fields.next()?,
            mode: fields.next()?,
            schedules: fields.next()?.parse().ok()?,
            verdict: fields.next()?,
            seconds: fields.next()?,
        })
    }
}

/// Fetches the crates, and runs all programs.
///
/// # Errors
///
/// If something cannot be fetched or built, or a program ends the process.
pub fn programs() -> io::Result<Vec<Line>> {
    fetch()?;
    let printed = cargo(&["run", "--quiet", "--package=programs"])?;
    let line = |line: &str| Line::parse(line).ok_or_else(|| io::Error::other(line.to_owned()));
    printed.lines().map(line).collect()
}

/// Fetches the crates, and runs their own tests. Returns whether each one holds.
///
/// # Errors
///
/// If something cannot be fetched or built.
pub fn own_tests() -> io::Result<BTreeMap<String, bool>> {
    fetch()?;
    let skip = table::SKIPPED.iter().flat_map(|(test, _)| ["--skip", test]);
    let mut arguments = vec!["test", "--package=own", "--no-fail-fast", "--test=published", "--"];
    arguments.extend(skip);
    // It fails, because some tests do not hold.
    let printed = output(&arguments)?.1;
    let result = |line: &str| {
        let (name, ended) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
        let name = name.strip_suffix(" - should panic").unwrap_or(name);
        Some((name.to_owned(), ended == "ok"))
    };
    Ok(printed.lines().filter_map(result).collect())
}

/// The packages in the workspace of the programs that depend on the real tokio.
///
/// # Errors
///
/// If something cannot be fetched.
pub fn users_of_tokio() -> io::Result<Vec<String>> {
    fetch()?;
    let edges = ["--invert=tokio", "--depth=1", "--edges=normal,dev", "--prefix=none"];
    let printed = cargo(&[&["tree", "--quiet", "--workspace"], &edges[..]].concat())?;
    let names = printed.lines().skip(1).filter_map(|line| line.split(' ').next());
    Ok(names.map(str::to_owned).collect())
}

/// Makes the copies with the renamed manifests.
fn fetch() -> io::Result<()> {
    // Two tests of one run must not copy at the same time.
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONE.lock().map_err(|_| io::Error::other("a copy failed before"))?;
    let status = Command::new(folder().join("fetch")).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("fetch: {status}"))) }
}

fn cargo(arguments: &[&str]) -> io::Result<String> {
    let (succeeded, printed) = output(arguments)?;
    if succeeded { Ok(printed) } else { Err(io::Error::other(printed)) }
}

/// Whether Cargo succeeded in the workspace of the programs, and what it printed.
fn output(arguments: &[&str]) -> io::Result<(bool, String)> {
    let (command, rest) = arguments.split_first().expect("a command");
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
        .args([command, "--locked", "--manifest-path"])
        .arg(folder().join("programs/Cargo.toml"))
        .args(rest)
        .env("CARGO_TARGET_DIR", folder().join("target/built"))
        // The crates' sources have warnings, which are not ours.
        .env("RUSTFLAGS", "--cap-lints=allow")
        .env("RUST_BACKTRACE", "0")
        .stderr(Stdio::inherit())
        .output()?;
    let printed = String::from_utf8(output.stdout).map_err(io::Error::other)?;
    Ok((output.status.success(), printed))
}

/// This folder.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The results of the programs as Markdown.
#[must_use]
pub fn markdown(lines: &[Line]) -> String {
    let mut table = String::from(
        "| crate | program | check | schedules | result | seconds |\n\
         | --- | --- | --- | ---: | --- | ---: |\n",
    );
    for Line { program, mode, schedules, verdict, seconds } in lines {
        let (krate, program) = program.split_once(' ').unwrap_or((program, ""));
        table += &format!(
            "| {} | {program} | {mode} | {schedules} | {verdict} | {seconds} |\n",
            krate.replace('_', "-"),
        );
    }
    table
}

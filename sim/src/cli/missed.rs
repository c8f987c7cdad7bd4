//! `missed`: breaks an author's provider in one place after another with `cargo mutants`, and says
//! which breaks the tests do not see.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, process};

use mapi_sync_sim::MissedReport;
use mapi_sync_sim::report::Document;

use super::args::MissedArgs;
use super::failure::Failure;
use super::output;
use super::status::Status;

/// The folder that `cargo mutants` makes in the one that it is given, and the file in it.
const FOLDER: &str = "mutants.out";
const OUTCOMES: &str = "outcomes.json";

/// The statuses with which `cargo mutants` has written what came of the breaks: all found, some
/// missed, some timed out, the tests fail without any.
const RAN: [i32; 4] = [0, 2, 3, 4];

pub(super) fn run(args: &MissedArgs) -> Result<Status, Failure> {
    let report = match &args.outcomes {
        Some(file) => read(file)?,
        None => break_and_test(args)?,
    };
    output::write(args.output.format, Document::Missed(&report))?;
    Ok(if !report.missed.is_empty() {
        Status::Broken
    } else if report.is_complete() {
        Status::Held
    } else {
        Status::Incomplete
    })
}

fn read(file: &Path) -> Result<MissedReport, Failure> {
    let path = file.display().to_string();
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::Unreadable { path: path.clone(), error })?;
    MissedReport::read(&text).map_err(|error| Failure::Outcomes { path, error })
}

/// Runs `cargo mutants`. What it says goes to the standard error stream.
fn break_and_test(args: &MissedArgs) -> Result<MissedReport, Failure> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let installed = Command::new(&cargo)
        .args(["mutants", "--version"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match installed {
        Ok(status) if status.success() => {}
        Ok(_) => return Err(Failure::NoCargoMutants),
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(Failure::NoCargoMutants),
        Err(error) => return Err(Failure::CargoMutants(error.to_string())),
    }
    let kept = args
        .keep
        .clone()
        .unwrap_or_else(|| env::temp_dir().join(format!("mapi-sync-missed-{}", process::id())));
    fs::create_dir_all(&kept)?;
    let status = Command::new(&cargo)
        .args(arguments(args, kept.as_os_str()))
        .env("MAPI_SYNC_SCHEDULES", args.schedules.to_string())
        .env("MAPI_SYNC_KEEP", "false")
        // Builds of the same package that share this folder overwrite each other: a test would run
        // without its break.
        .env_remove("CARGO_TARGET_DIR")
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .status();
    let outcomes = kept.join(FOLDER).join(OUTCOMES);
    let report = match status {
        Ok(status) if status.code().is_some_and(|code| RAN.contains(&code)) => {
            // It writes no file if it finds nothing to break.
            if outcomes.exists() { read(&outcomes) } else { Ok(MissedReport::default()) }
        }
        Ok(status) => Err(Failure::CargoMutants(format!("it ended with {status}"))),
        Err(error) => Err(Failure::CargoMutants(error.to_string())),
    };
    if args.keep.is_none() {
        // A folder of temporary files that stays does no harm.
        let _ = fs::remove_dir_all(&kept);
    }
    report
}

/// What `cargo` is given.
fn arguments(args: &MissedArgs, output: &OsStr) -> Vec<OsString> {
    let mut all: Vec<OsString> =
        ["mutants", "--no-shuffle", "--colors=never", "--annotations=none", "--output"]
            .map(OsString::from)
            .to_vec();
    all.push(output.to_owned());
    let mut add = |option: &str, value: &OsStr| all.extend([option.into(), value.to_owned()]);
    add("--timeout", args.timeout.to_string().as_ref());
    if let Some(folder) = &args.dir {
        add("--dir", folder.as_os_str());
    }
    if let Some(jobs) = args.jobs {
        add("--jobs", jobs.to_string().as_ref());
    }
    args.package.iter().for_each(|package| add("--package", package.as_ref()));
    args.file.iter().for_each(|file| add("--file", file.as_ref()));
    args.except.iter().for_each(|pattern| add("--exclude-re", pattern.as_ref()));
    if !args.test.is_empty() {
        all.extend(["--", "--"].map(OsString::from));
        all.extend(args.test.iter().map(OsString::from));
    }
    all
}

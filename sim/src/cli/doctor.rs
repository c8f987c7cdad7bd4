//! `doctor`: what works here.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::{Command, Stdio};
use std::{env, thread};

use clap::ValueEnum;
use mapi_sync_sim::report::Format;

use super::failure::Failure;
use super::fit::{Fit, Fitted};
use super::status::Status;

pub(super) fn run() -> Result<Status, Failure> {
    let fit = Fit::of_stdout();
    let mut out = Fitted::new(BufWriter::new(io::stdout().lock()), fit);
    match write(&mut out, fit).and_then(|()| out.finish()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Status::Held),
    }
}

fn write(out: &mut impl Write, fit: Fit) -> io::Result<()> {
    let yes_no = |yes| if yes { "yes" } else { "no" };
    let mut line = |what: &str, is: String| writeln!(out, "{what:14}  {is}");
    let version = env!("CARGO_PKG_VERSION");
    line("mapi-sync", format!("{version}, for {} on {}", env::consts::OS, env::consts::ARCH))?;
    let is_terminal = io::stdout().is_terminal();
    line("terminal", format!("{}, {} columns", yes_no(is_terminal), fit.width))?;
    let choice = anstream::AutoStream::choice(&io::stdout());
    line("colours", yes_no(choice != anstream::ColorChoice::Never).to_owned())?;
    let characters = if fit.is_ascii { "ASCII, for that is the locale's" } else { "UTF-8" };
    line("characters", characters.to_owned())?;
    line("progress bar", yes_no(io::stderr().is_terminal()).to_owned())?;
    let cores = match thread::available_parallelism() {
        Ok(cores) => format!("{cores}: `check` runs as many schedules at once"),
        Err(error) => format!("unknown ({error}): `check` runs one schedule at a time"),
    };
    line("cores", cores)?;
    let formats = Format::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let formats: Vec<String> = formats.map(|format| format.get_name().to_owned()).collect();
    line("formats", formats.join(", "))?;
    let annotates = env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
    line(
        "GitHub Actions",
        if annotates { "yes: annotations follow the words".to_owned() } else { "no".to_owned() },
    )?;
    line("trace", "recordings are checked and imported".to_owned())?;
    line(
        "com-check",
        if cfg!(windows) {
            format!("yes, of providers with {} bits", usize::BITS)
        } else {
            "no: a provider in a DLL is checked on Windows".to_owned()
        },
    )?;
    line(
        "cargo mutants",
        match cargo_mutants() {
            true => "installed: `missed` works".to_owned(),
            false => {
                "not found: `missed` needs it (cargo install cargo-mutants --locked)".to_owned()
            }
        },
    )
}

/// Whether it is installed.
fn cargo_mutants() -> bool {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Command::new(cargo)
        .args(["mutants", "--version"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

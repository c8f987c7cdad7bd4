//! The table of the page.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{MOST, PROGRAMS, SEEDS};

/// The peers: the folder, and what the table calls it.
pub const PEERS: &[(&str, &str)] = &[
    ("ours", "mapi-sync-tokio"),
    ("shuttle", "shuttle-tokio 1.0.0"),
    ("turmoil", "turmoil 0.7.2"),
    ("madsim", "madsim-tokio 0.2.30"),
];

/// Builds all peers and runs them. Returns the table of the page.
///
/// # Errors
///
/// If one cannot be built, or ends otherwise.
pub fn table() -> Result<String, String> {
    let mut cells = BTreeMap::new();
    let mut table = String::from("| program |");
    for (peer, title) in PEERS {
        for (program, cell) in run(peer)? {
            cells.insert((program, *peer), cell);
        }
        table += &format!(" {title} |");
    }
    table += &format!("\n| --- |{}\n", " --- |".repeat(PEERS.len()));
    for program in PROGRAMS {
        table += &format!("| {program} |");
        for (peer, _) in PEERS {
            let cell = cells.get(&((*program).to_owned(), *peer)).map_or("not there", |cell| cell);
            table += &format!(" {cell} |");
        }
        table += "\n";
    }
    Ok(table)
}

/// The median of the schedules, how many seeds found it if not all, and the seconds.
fn cell(rest: &str) -> Option<String> {
    let (found, seconds) = rest.split_once('\t')?;
    let found: Option<Vec<u64>> = found.split(',').map(|number| number.parse().ok()).collect();
    let mut found: Vec<u64> = found?.into_iter().filter(|schedules| *schedules > 0).collect();
    found.sort_unstable();
    Some(match found[..] {
        [] => format!("no ({MOST}), {seconds} s"),
        _ if (found.len() as u64) < SEEDS => {
            format!("{} of {SEEDS}, {seconds} s", found.len())
        }
        _ => format!("{}, {seconds} s", found[found.len() / 2]),
    })
}

/// Builds a peer and runs it. Returns its cell for each program.
///
/// # Errors
///
/// If it cannot be built, or ends otherwise.
pub fn run(peer: &str) -> Result<Vec<(String, String)>, String> {
    let printed = printed(peer).map_err(|error| format!("{peer}: {error}"))?;
    let line = |line: &str| {
        let (program, rest) = line.split_once('\t')?;
        Some((program.to_owned(), cell(rest)?))
    };
    printed.lines().map(|text| line(text).ok_or_else(|| text.to_owned())).collect()
}

/// What a peer prints.
fn printed(peer: &str) -> Result<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    cargo.args(["run", "--quiet", "--locked", "--package", &format!("side-{peer}")]);
    cargo.arg("--manifest-path").arg(folder.join("Cargo.toml"));
    cargo.args((!cfg!(debug_assertions)).then_some("--release"));
    if peer == "madsim" {
        // Its switch would reach the other peers, so it has a folder of its own.
        cargo
            .env("RUSTFLAGS", "--cfg madsim")
            .arg("--target-dir")
            .arg(folder.join("target/madsim"));
    }
    // Each failing schedule is printed there.
    let output = cargo
        .env("RUST_BACKTRACE", "0")
        .stderr(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(output.status.to_string());
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

//! Builds the peers and runs them, taking turns.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use peers::{BUGS, Hunted, RATES, Rated, SEARCHES, Searched};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::plan::{Part, Plan};

/// A column of a table: the binary, the strategy that it runs, and the title.
type Column = (&'static str, &'static str, &'static str);

const SEARCHERS: &[Column] = &[
    ("peer-ours", "exhaustive", "mapi-sync"),
    ("peer-interweave", "", "interweave"),
    ("peer-loom", "", "loom"),
    ("peer-traceforge", "", "traceforge"),
];

const RATED: &[Column] = &[
    ("peer-ours", "random", "mapi-sync"),
    ("peer-ours", "portfolio", "mapi-sync portfolio"),
    ("peer-shuttle", "random", "shuttle random"),
    ("peer-shuttle", "pct3", "shuttle pct(3)"),
    ("peer-ours", "bare", "bare loop"),
];

const HUNTERS: &[Column] = &[
    ("peer-ours", "portfolio", "mapi-sync"),
    ("peer-shuttle", "random", "shuttle random"),
    ("peer-shuttle", "pct2", "shuttle pct(2)"),
    ("peer-shuttle", "pct3", "shuttle pct(3)"),
    ("peer-shuttle", "urw", "shuttle urw"),
    ("peer-ours", "exhaustive", "mapi-sync exhaustive"),
    ("peer-interweave", "", "interweave"),
    ("peer-loom", "", "loom"),
    ("peer-traceforge", "", "traceforge"),
];

/// The peers that draw schedules at random. TraceForge draws only the first one, and goes on in
/// order.
const SAMPLERS: [&str; 2] = ["peer-ours", "peer-shuttle"];

/// A table: a row for each program, with a cell for each column, ours first.
#[derive(Debug, Serialize)]
pub(crate) struct Table<C> {
    pub(crate) columns: Vec<&'static str>,
    pub(crate) rows: Vec<Row<C>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Row<C> {
    pub(crate) program: &'static str,
    pub(crate) cells: Vec<Option<C>>,
}

/// A program as one column ran it in all rounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Timed {
    /// Executions in the best round.
    pub(crate) executions: u64,
    /// Seconds of the best round.
    pub(crate) seconds: f64,
    /// Scheduling points of the average execution, if they are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) points: Option<f64>,
    /// Its time divided by ours for the same work: the median of the rounds' ratios.
    pub(crate) ratio: f64,
}

/// A bug as one column hunted it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Found {
    /// The mean number of executions to the bug. A hunt that did not find it counts as the most
    /// that it was allowed.
    pub(crate) mean: f64,
    /// How many hunts found it.
    pub(crate) found: usize,
    /// How many hunts there were: one, if there is no seed.
    pub(crate) hunts: usize,
    /// Whether the schedules are random.
    pub(crate) random: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Results {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) search: Option<Table<Timed>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<Table<Timed>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bugs: Option<Table<Found>>,
}

/// Where the peers' binaries are.
pub(crate) struct Binaries(PathBuf);

impl Binaries {
    /// Builds them in the profile of this program.
    pub(crate) fn build() -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|error| format!("where am I? {error}"))?;
        let (Some(profile), Some(target)) = (own.parent(), own.ancestors().nth(2)) else {
            return Err(format!("{} is not in a target directory", own.display()));
        };
        let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
        cargo
            .args(["build", "--workspace", "--locked", "--ignore-rust-version"])
            .arg("--manifest-path")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .arg("--target-dir")
            .arg(target)
            // Figures of an unoptimised build say little, but the user asked for one.
            .args((!cfg!(debug_assertions)).then_some("--release"));
        match cargo.status() {
            Ok(status) if status.success() => Ok(Self(profile.to_owned())),
            Ok(status) => Err(format!("building the peers: {status}")),
            Err(error) => Err(format!("building the peers: {error}")),
        }
    }

    /// Asks a peer, in a new process.
    fn ask<T: DeserializeOwned>(&self, peer: &str, request: &[&str]) -> Result<Option<T>, String> {
        let failed =
            |error: &dyn std::fmt::Display| format!("{peer} {}: {error}", request.join(" "));
        let output = Command::new(self.0.join(peer))
            .args(request)
            // Peers print each failing schedule there.
            .stderr(Stdio::null())
            .output()
            .map_err(|error| failed(&error))?;
        if !output.status.success() {
            return Err(failed(&output.status));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        // Some peers print a summary before it.
        let line = text.lines().next_back().unwrap_or_default();
        serde_json::from_str(line).map_err(|error| failed(&error))
    }
}

/// Runs what the plan says.
pub(crate) fn run(plan: &Plan, peers: &Binaries) -> Result<Results, String> {
    let mut results = Results { search: None, rate: None, bugs: None };
    if plan.wants(Part::Search) {
        let programs = SEARCHES.iter().map(|(program, _)| *program);
        let search = |(peer, _, _): &Column, program: &str| {
            let searched: Option<Searched> = peers.ask(peer, &["search", program])?;
            Ok(searched.map(|Searched { executions, seconds }| Measured {
                executions,
                seconds,
                points: None,
                work: 1.0,
            }))
        };
        let table = timed(plan.rounds, programs, SEARCHERS, search)?;
        for (row, (_, classes)) in table.rows.iter().zip(SEARCHES) {
            let ours = row.cells[0].map(|cell| cell.executions);
            if ours != Some(*classes) {
                return Err(format!("{}: {ours:?} executions for {classes} classes", row.program));
            }
        }
        results.search = Some(table);
    }
    if plan.wants(Part::Rate) {
        let millis = plan.millis.to_string();
        let rate = |(peer, strategy, _): &Column, program: &str| {
            let rated: Option<Rated> = peers.ask(peer, &["rate", program, strategy, &millis])?;
            #[expect(clippy::cast_precision_loss, reason = "a rate")]
            Ok(rated.map(|Rated { executions, seconds, points }| Measured {
                executions,
                seconds,
                points: Some(points),
                work: executions as f64,
            }))
        };
        results.rate = Some(timed(plan.turns, RATES.iter().copied(), RATED, rate)?);
    }
    if plan.wants(Part::Bugs) {
        results.bugs = Some(hunts(plan, peers)?);
    }
    Ok(results)
}

#[derive(Clone, Copy)]
struct Measured {
    executions: u64,
    seconds: f64,
    points: Option<f64>,
    /// How much was done, in a unit that all columns share.
    work: f64,
}

impl Measured {
    fn cost(&self) -> f64 {
        self.seconds / self.work
    }
}

/// Times each program in all columns. The columns take turns in each round, so a busy machine slows
/// all of them. It may slow one more than the next; the median of many rounds evens that out.
fn timed(
    rounds: u32,
    programs: impl Iterator<Item = &'static str>,
    columns: &[Column],
    measure: impl Fn(&Column, &str) -> Result<Option<Measured>, String>,
) -> Result<Table<Timed>, String> {
    let mut rows = Vec::new();
    for program in programs {
        eprintln!("{program}, {rounds} times");
        let mut measured = vec![Vec::new(); columns.len()];
        for _ in 0..rounds {
            for (column, measured) in columns.iter().zip(&mut measured) {
                measured.extend(measure(column, program)?);
            }
        }
        let ours = measured[0].clone();
        let cells = measured.into_iter().map(|all| {
            let best = *all.iter().min_by(|a, b| a.cost().total_cmp(&b.cost()))?;
            let ratios = all.iter().zip(&ours).map(|(a, b)| a.cost() / b.cost());
            let Measured { executions, seconds, points, .. } = best;
            Some(Timed { executions, seconds, points, ratio: median(ratios.collect()) })
        });
        rows.push(Row { program, cells: cells.collect() });
    }
    Ok(Table { columns: columns.iter().map(|(_, _, title)| *title).collect(), rows })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    f64::midpoint(low, high)
}

fn hunts(plan: &Plan, peers: &Binaries) -> Result<Table<Found>, String> {
    let (seeds, most) = (plan.seeds.to_string(), plan.most.to_string());
    let mut rows = Vec::new();
    for program in BUGS {
        eprintln!("{program}, hunts");
        let mut cells = Vec::new();
        for (peer, strategy, _) in HUNTERS {
            let request = ["hunt", program, strategy, &seeds, &most];
            let hunted: Option<Hunted> = peers.ask(peer, &request)?;
            let random = SAMPLERS.contains(peer) && *strategy != "exhaustive";
            cells.push(hunted.map(|hunted| found(&hunted, plan.most, random)));
        }
        rows.push(Row { program, cells });
    }
    Ok(Table { columns: HUNTERS.iter().map(|(_, _, title)| *title).collect(), rows })
}

#[expect(clippy::cast_precision_loss, reason = "a mean")]
fn found(hunted: &Hunted, most: u64, random: bool) -> Found {
    let executions = &hunted.executions;
    let taken: u64 = executions.iter().map(|taken| taken.unwrap_or(most)).sum();
    Found {
        mean: taken as f64 / executions.len() as f64,
        found: executions.iter().flatten().count(),
        hunts: executions.len(),
        random,
    }
}

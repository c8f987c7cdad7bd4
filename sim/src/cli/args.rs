//! The command line.

use std::ffi::OsString;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand, ValueEnum};
use mapi_sync::contract::{Policy, Rule};
use mapi_sync_sim::report::Format;
use mapi_sync_sim::strategy::{STRATEGIES, StrategyInfo};

use super::status::Status;

/// Checks mail-store providers against the contract of Outlook's background synchronization, over
/// many schedules.
#[derive(Debug, Parser)]
#[command(
    name = "mapi-sync",
    version,
    after_help = format!(
        "{EXAMPLES}\n{}\nColours are off where the output is no terminal, and under NO_COLOR.",
        Status::help()
    )
)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  mapi-sync check late-ticker    # a mistake, found and explained
  mapi-sync rules done-last      # the rule that it breaks
  mapi-sync doctor               # what works here
";

/// The arguments of each command say what it does.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Check(CheckArgs),
    Replay(ReplayArgs),
    Explore(ExploreArgs),
    Play(PlayArgs),
    Mutants(MutantsArgs),
    Missed(MissedArgs),
    Rules(RulesArgs),
    Scenario(ScenarioArgs),
    Trace(TraceArgs),
    #[cfg(windows)]
    ComCheck(ComCheckArgs),
    /// Says what works here: terminal, cores, formats, and the parts for Windows
    Doctor,
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Writes the completions of a shell to the standard output
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mapi-sync completions bash > ~/.local/share/bash-completion/completions/mapi-sync
  mapi-sync completions fish > ~/.config/fish/completions/mapi-sync.fish")]
pub(super) struct CompletionsArgs {
    /// The shell
    pub(super) shell: clap_complete::Shell,
}

/// Writes the manual page to the standard output, or all pages into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mapi-sync man | man -l -
  mapi-sync man --folder ~/.local/share/man/man1")]
pub(super) struct ManArgs {
    /// Write a page for each command into this folder
    #[arg(long, value_name = "DIR")]
    pub(super) folder: Option<PathBuf>,
}

/// Runs many schedules of a scenario and checks every call against the contract.
///
/// For each broken rule, the first execution that shows it is kept, run again with a log, and
/// printed as a time line with the token that replays it. The run goes on to its end, to find other
/// broken rules, unless --fail-fast. The result is the same for every number of jobs. Ctrl-C and
/// SIGTERM end the run early, with a summary of what was run.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mapi-sync check late-ticker                  # a provider that is wrong on purpose
  mapi-sync check my.toml -n 10000 --seed 7    # a scenario of your own
  mapi-sync check --format junit > junit.xml   # for a dashboard
  mapi-sync check late-ticker --format calls | mapi-sync trace check -")]
pub(super) struct CheckArgs {
    /// A built-in scenario or mutant, by name, or a scenario file; `-` reads one from the standard
    /// input
    #[arg(default_value = "default")]
    pub(super) scenario: OsString,
    /// How many schedules to run [default: 100000, or all of an exhaustive strategy's]
    #[arg(short = 'n', long, value_name = "N")]
    pub(super) schedules: Option<NonZeroU64>,
    #[command(flatten)]
    pub(super) search: SearchArgs,
    /// End at the first execution with a violation
    #[arg(long)]
    pub(super) fail_fast: bool,
    /// Show counterexamples as they were found, instead of making them smaller first
    #[arg(long)]
    pub(super) no_shrink: bool,
    /// Count a warning as a failure: a check that met nothing proves nothing
    #[arg(long)]
    pub(super) strict: bool,
    /// Let timers run ahead of ready tasks by up to this many virtual milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(super) skew_ms: u64,
    /// End the search after this many seconds; it is incomplete then
    #[arg(long, value_name = "S")]
    pub(super) time: Option<NonZeroU64>,
    /// Make all counterexamples smaller for no longer than this many seconds
    #[arg(long, value_name = "S", default_value_t = 60)]
    pub(super) shrink_time: u64,
    /// End if a poll takes longer than this many seconds, and name its task; 0 is never
    #[arg(long, value_name = "S", default_value_t = 30)]
    pub(super) watchdog: u64,
    #[command(flatten)]
    pub(super) report: ReportArgs,
    #[command(flatten)]
    pub(super) output: ExecutionOutputArgs,
}

/// How schedules are searched.
#[derive(Debug, clap::Args)]
pub(super) struct SearchArgs {
    /// Where the strategy starts from; the same seed gives the same schedules
    #[arg(short, long, value_name = "S", default_value_t = 1)]
    pub(super) seed: u64,
    /// How many threads to use [default: one for each processor]
    ///
    /// The result is the same for every number. An exhaustive search that is limited by
    /// --schedules runs on one thread, and so does the strategy cancellations.
    #[arg(short, long, value_name = "J")]
    pub(super) jobs: Option<NonZeroUsize>,
    /// How schedules are chosen [default: portfolio]
    ///
    /// Of a scenario with a protocol, the first 20,000 classes of an exhaustive search are tried
    /// before, unless a strategy, a number of schedules or a time is given.
    #[arg(long, value_name = "NAME", value_parser = strategy())]
    pub(super) strategy: Option<&'static StrategyInfo>,
}

impl SearchArgs {
    /// The strategy that is given, or the default one.
    pub(super) fn strategy(&self) -> &'static StrategyInfo {
        self.strategy.unwrap_or(&STRATEGIES[0])
    }
}

/// Runs one schedule again, and shows its time line.
///
/// A token of a built-in scenario or mutant replays by itself. A token of a scenario file needs
/// that file, and is refused with any other. If the program has changed so much that decisions of
/// the token are left over, the first of them is named.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mapi-sync replay ms2-...                         # what a check printed
  mapi-sync replay ms2-... my.toml                 # of a scenario file
  mapi-sync replay ms2-... --format perfetto > t   # open it in ui.perfetto.dev")]
pub(super) struct ReplayArgs {
    /// The token, as a check printed it
    pub(super) token: String,
    /// The scenario file that the token is of
    pub(super) scenario: Option<OsString>,
    #[command(flatten)]
    pub(super) report: ReportArgs,
    #[command(flatten)]
    pub(super) output: ExecutionOutputArgs,
}

/// Steps through a schedule in the terminal, and leads it elsewhere.
///
/// Each step shows what happened, whose step it was and who could have run. What else could happen
/// there, such as another task's step, a fault, a cancel or another value, can be taken: all before
/// it stays, and what comes after it is decided by default. Each place so reached has a token.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mapi-sync explore ms2-...            # what a check printed
  mapi-sync explore ms2-... my.toml    # of a scenario file")]
pub(super) struct ExploreArgs {
    /// The token, as a check printed it
    pub(super) token: String,
    /// The scenario file that the token is of
    pub(super) scenario: Option<OsString>,
}

/// Shows the Send/Receive dialog of a simulated execution in the terminal, live.
///
/// The accounts with their progress bars and errors, and the calls beside them. Keys set the speed,
/// go line by line, press Cancel All, and draw another schedule.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mapi-sync play                  # the scenario `default`
  mapi-sync play late-ticker      # a provider that is wrong on purpose
  mapi-sync play my.toml --paused # a scenario of your own, line by line")]
pub(super) struct PlayArgs {
    /// A built-in scenario or mutant, by name, or a scenario file
    #[arg(default_value = "default")]
    pub(super) scenario: OsString,
    /// Where schedules other than the one by default are drawn from
    #[arg(short, long, value_name = "S", default_value_t = 1)]
    pub(super) seed: u64,
    /// Do not go on by itself: each line comes by a key
    #[arg(long)]
    pub(super) paused: bool,
}

/// Checks that every mutant is found, and that no correct variant is accused.
///
/// Each mutant of the simulated provider or host breaks one rule, and is run until that rule is
/// found broken. Each correct variant is unusual but right, and must never be accused of anything.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mapi-sync mutants
  mapi-sync mutants -n 1000 --variant-schedules 100 --strategy pct")]
pub(super) struct MutantsArgs {
    /// How many schedules to run of each mutant at most
    #[arg(short = 'n', long, value_name = "N", default_value = "100000")]
    pub(super) schedules: NonZeroU64,
    /// How many schedules each correct variant must survive
    #[arg(long, value_name = "N", default_value = "10000")]
    pub(super) variant_schedules: NonZeroU64,
    #[command(flatten)]
    pub(super) search: SearchArgs,
    #[command(flatten)]
    pub(super) output: VerdictOutputArgs,
}

/// Breaks your own provider, and says which breaks its tests do not see.
///
/// `cargo mutants` changes the source of a package in one place after another, in a copy, and runs
/// its tests each time. A break is found if a test fails. `cargo install cargo-mutants --locked`
/// installs it. Regression files are run and stay as they are.
#[derive(Debug, clap::Args)]
pub(super) struct MissedArgs {
    /// The package to break [default: that of the current folder]
    #[arg(short, long, value_name = "NAME")]
    pub(super) package: Vec<String>,
    /// Break only these files, such as `src/provider/*.rs`
    #[arg(short, long, value_name = "GLOB")]
    pub(super) file: Vec<String>,
    /// Leave out breaks whose description matches this regular expression, such as `impl Debug`
    #[arg(long, value_name = "REGEX")]
    pub(super) except: Vec<String>,
    /// Run only the tests whose names contain this
    #[arg(long, value_name = "NAME")]
    pub(super) test: Vec<String>,
    /// The folder of the package or workspace [default: the current one]
    #[arg(short, long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
    /// How many schedules each check runs that is a test, as MAPI_SYNC_SCHEDULES says it
    #[arg(short = 'n', long, value_name = "N", default_value = "500")]
    pub(super) schedules: NonZeroU64,
    /// How many seconds the tests may take with a break
    #[arg(long, value_name = "S", default_value = "120")]
    pub(super) timeout: NonZeroU64,
    /// How many breaks to try at the same time [default: 1]
    #[arg(short, long, value_name = "J")]
    pub(super) jobs: Option<NonZeroUsize>,
    /// Keep the logs of `cargo mutants` in this folder
    #[arg(long, value_name = "DIR")]
    pub(super) keep: Option<PathBuf>,
    /// Run nothing: read this `outcomes.json` of an earlier run of `cargo mutants`
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["package", "file", "except", "test", "dir", "jobs", "keep"]
    )]
    pub(super) outcomes: Option<PathBuf>,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Shows the rules of the contract.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mapi-sync rules              # the table
  mapi-sync rules done-last    # a rule, with a wrong and a right time line")]
pub(super) struct RulesArgs {
    /// The rule to show all about
    #[arg(value_parser = rule())]
    pub(super) rule: Option<Rule>,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Lists, shows and checks scenarios.
#[derive(Debug, clap::Args)]
pub(super) struct ScenarioArgs {
    #[command(subcommand)]
    pub(super) command: ScenarioCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum ScenarioCommand {
    /// List the built-in scenarios
    List {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Print a scenario with every default filled in, to start from
    Show {
        /// A built-in scenario or mutant, by name, or a scenario file
        scenario: OsString,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Read scenario files, and say where they are wrong
    Check {
        /// The files; `-` is the standard input
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        output: OutputArgs,
    },
}

/// Checks recordings of production processes.
#[derive(Debug, clap::Args)]
pub(super) struct TraceArgs {
    #[command(subcommand)]
    pub(super) command: TraceCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum TraceCommand {
    /// Check the calls of a recording against the contract
    ///
    /// A recording shows callbacks only, so the rules about starts, references and events are not
    /// checked. If the file has only a part of a sync, nothing is reported as missing from that
    /// sync.
    #[command(after_help = "\
Examples:
  mapi-sync trace check sync.jsonl
  mapi-sync trace check - --cancel-within 3000 --format junit < sync.jsonl")]
    Check {
        /// The file; `-` is the standard input
        file: PathBuf,
        #[command(flatten)]
        policy: PolicyArgs,
        #[command(flatten)]
        report: ReportArgs,
        #[command(flatten)]
        output: VerdictOutputArgs,
    },
    Import(TraceImportArgs),
}

/// Makes a recording of a text log, and writes it to the standard output
///
/// A mapping file says with regular expressions which lines of the log are which calls. How many
/// lines none of them matched is said on the standard error stream.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mapi-sync trace import mapping.toml client.log | mapi-sync trace check -")]
pub(super) struct TraceImportArgs {
    /// The mapping file, in TOML
    pub(super) mapping: PathBuf,
    /// The log; `-` is the standard input
    pub(super) log: PathBuf,
}

/// Which rules are held, and their bounds.
#[derive(Debug, clap::Args)]
pub(super) struct PolicyArgs {
    /// Do not hold this rule; can be given several times
    #[arg(long, value_name = "RULE", value_parser = rule())]
    without: Vec<Rule>,
    /// Hold this rule, which is not held by default; can be given several times
    #[arg(long, value_name = "RULE", value_parser = rule(), conflicts_with = "without")]
    with: Vec<Rule>,
    /// How many milliseconds after a cancel request Done may come
    #[arg(long, value_name = "MS", default_value_t = whole(Policy::default().cancel_within()))]
    cancel_within: u64,
    /// How many milliseconds may pass without a callback
    #[arg(long, value_name = "MS", default_value_t = whole(Policy::default().bounded_silence()))]
    bounded_silence: u64,
    /// How many calls of Progress may begin after a cancel request or the notice of a shutdown
    #[arg(long, value_name = "N", default_value_t = Policy::default().progress_after_cancel())]
    progress_after_cancel: u32,
}

impl PolicyArgs {
    pub(super) fn policy(&self) -> Policy {
        let policy = Policy::default()
            .with_cancel_within(Duration::from_millis(self.cancel_within))
            .with_bounded_silence(Duration::from_millis(self.bounded_silence))
            .with_progress_after_cancel(self.progress_after_cancel);
        let policy = self.with.iter().copied().fold(policy, Policy::with);
        self.without.iter().copied().fold(policy, Policy::without)
    }
}

/// In milliseconds.
fn whole(bound: Duration) -> u64 {
    u64::try_from(bound.as_millis()).unwrap_or(u64::MAX)
}

/// Checks a provider in a DLL, through its COM method table.
///
/// The DLL is loaded into a separate process, and its export `HRESULT __stdcall NAME(IUnknown
/// **store)` is asked for a store. Syncs are run one after the other, by a host that does what
/// hosts do: it fails and delays calls, starts a sync inside of a callback, releases the store in
/// the middle of a sync, and more, which the report lists. Every call is checked against the
/// contract. Defects that only a process shows are found too: a crash, a sync that never ends,
/// handles, threads and memory that are left. What the provider prints to its standard output is
/// dropped. docs/com-check.md has the rules.
#[cfg(windows)]
#[derive(Debug, clap::Args)]
pub(super) struct ComCheckArgs {
    /// The DLL
    pub(super) provider: PathBuf,
    /// The export; on 32 bits `NAME@4` and `_NAME@4` are tried too
    #[arg(long, value_name = "NAME", default_value = "MapiSyncTestStore")]
    pub(super) export: String,
    /// What each sync is asked to do: names joined by `|`, or a number
    #[arg(long, default_value = "UPLOAD_CONTENTS | DOWNLOAD_CONTENTS")]
    pub(super) flags: mapi_sync::SyncFlags,
    /// How many syncs to run
    #[arg(short = 'n', long, value_name = "N", default_value = "20")]
    pub(super) syncs: std::num::NonZeroU32,
    /// Ask each sync to stop after this many milliseconds
    #[arg(long, value_name = "MS")]
    pub(super) cancel_after: Option<u64>,
    /// How long to wait for a start to return, for the next call of a sync, and for the event
    /// after Done, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    pub(super) patience: u64,
    /// Where the host's plan starts from; the same seed gives the same plan
    #[arg(short, long, value_name = "S", default_value_t = 1)]
    pub(super) seed: u64,
    /// Write a minidump to this file if the provider crashes
    #[arg(long, value_name = "FILE")]
    pub(super) minidump: Option<PathBuf>,
    /// The pipe to the process that started this one
    #[arg(long, hide = true)]
    pub(super) wire: Option<usize>,
    #[command(flatten)]
    pub(super) report: ReportArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct OutputArgs {
    /// For people or for programs
    #[arg(long, value_name = "FORMAT", value_parser = formats(GENERAL), default_value = "human")]
    pub(super) format: Format,
}

/// The output of a command that runs executions.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct ExecutionOutputArgs {
    /// For people, for programs, or for another tool
    #[arg(long, value_name = "FORMAT", value_parser = formats(Format::value_variants()),
        default_value = "human")]
    pub(super) format: Format,
}

/// The output of a command that comes to a verdict without an execution to show.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct VerdictOutputArgs {
    /// For people, for programs, or for another tool
    #[arg(long, value_name = "FORMAT", value_parser = formats(VERDICT), default_value = "human")]
    pub(super) format: Format,
}

/// The formats that show everything.
const GENERAL: &[Format] = &[Format::Human, Format::Json];

/// The formats that show a verdict.
const VERDICT: &[Format] = &[
    Format::Human,
    Format::Json,
    Format::Html,
    Format::Junit,
    Format::Sarif,
    Format::Github,
    Format::Markdown,
];

fn formats(known: &'static [Format]) -> impl TypedValueParser<Value = Format> {
    let names = known.iter().filter_map(ValueEnum::to_possible_value);
    PossibleValuesParser::new(names.collect::<Vec<_>>())
        .try_map(|name| Format::from_str(&name, false))
}

/// Where a page goes.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ReportArgs {
    /// Write the result as a page for the browser, too: one file, which needs no other
    #[arg(long, value_name = "FILE.html")]
    pub(super) report: Option<PathBuf>,
}

fn strategy() -> impl TypedValueParser<Value = &'static StrategyInfo> {
    let names = STRATEGIES.iter().map(|info| PossibleValue::new(info.name).help(info.about));
    PossibleValuesParser::new(names).try_map(|name| StrategyInfo::named(&name))
}

fn rule() -> impl TypedValueParser<Value = Rule> {
    PossibleValuesParser::new(Rule::ALL.iter().map(|rule| rule.id()))
        .try_map(|id| id.parse::<Rule>())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}

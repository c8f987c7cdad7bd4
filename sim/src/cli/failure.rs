//! Why a command could not do its work, in words.

use std::io::{self, Write};
use std::path::Path;

use mapi_sync_sim::world::ScenarioError;
use mapi_sync_sim::{ReplayError, UnknownScenario};

/// Why a command could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Scenario(#[from] ScenarioError),
    #[error(
        "no scenario is built in under the name `{}`, and there is no such file{}",
        .0.name,
        hint(.0)
    )]
    UnknownScenario(UnknownScenario),
    #[error("cannot read {path}: {error}")]
    Unreadable { path: String, error: io::Error },
    #[error("{0}")]
    Replay(#[from] ReplayError),
    #[error("cannot write the result: {0}")]
    Output(#[from] io::Error),
    #[error("cannot write the report to {path}: {error}")]
    Page { path: String, error: io::Error },
    #[error("cannot listen for Ctrl-C: {0}")]
    Interrupts(#[from] ctrlc::Error),
    #[error("{path}: {error}")]
    Trace { path: String, error: mapi_sync::record::TraceError },
    #[error("{path}: {why}")]
    Mapping { path: String, why: String },
    #[error("{path}: {error}")]
    Import { path: String, error: super::import::ImportError },
    #[error("{path} is no file of `cargo mutants`: {error}")]
    Outcomes { path: String, error: serde_json::Error },
    #[error(
        "`cargo mutants` is not installed, or does not start: `cargo install cargo-mutants \
         --locked` installs it (https://mutants.rs)"
    )]
    NoCargoMutants,
    #[error("`cargo mutants` did not do its work: {0}. What it said stands above")]
    CargoMutants(String),
    #[cfg(windows)]
    #[error("{}: {why}", provider.display())]
    Unusable { provider: std::path::PathBuf, why: String },
    #[error("this needs a terminal for its input and output. Without one, {instead}")]
    NoTerminal { instead: &'static str },
    /// It has been reported already.
    #[error("")]
    Reported,
}

impl Failure {
    /// A page that cannot be written.
    pub(super) fn page(path: &Path, error: io::Error) -> Self {
        Self::Page { path: path.display().to_string(), error }
    }

    /// Prints it on the standard error stream, in clap's style of a usage error.
    pub(super) fn print(&self) {
        if matches!(self, Self::Reported) {
            return;
        }
        let error = clap::builder::Styles::styled().get_error().to_owned();
        // If this fails, there is no stream left to report it on.
        let _ = writeln!(anstream::stderr().lock(), "{error}error:{error:#} {self}");
    }
}

fn hint(unknown: &UnknownScenario) -> String {
    match unknown.hint {
        Some(hint) => format!("; did you mean `{hint}`?"),
        None => ": see `mapi-sync scenario list`".to_owned(),
    }
}

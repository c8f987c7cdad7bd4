//! What is wrong with the input, in words.

use std::io::{self, Write};

use mapi_sync_sim::ReplayError;
use mapi_sync_sim::world::ScenarioError;

/// Why a command could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Scenario(#[from] ScenarioError),
    #[error("no scenario is built in under the name `{name}`, and there is no such file{}", hint.as_ref().map(|hint| format!("; did you mean `{hint}`?")).unwrap_or_else(|| ": see `mapi-sync scenario list`".to_owned()))]
    UnknownScenario { name: String, hint: Option<&'static str> },
    #[error("cannot read {path}: {error}")]
    Unreadable { path: String, error: io::Error },
    #[error("{0}")]
    Replay(#[from] ReplayError),
    #[error("cannot write the result: {0}")]
    Output(#[from] io::Error),
    #[error("cannot listen for Ctrl-C: {0}")]
    Interrupts(#[from] ctrlc::Error),
    #[error("{path}: {error}")]
    Trace { path: String, error: mapi_sync::record::TraceError },
    #[cfg(windows)]
    #[error("{}: {why}", provider.display())]
    Unusable { provider: std::path::PathBuf, why: String },
    /// It was reported already.
    #[error("")]
    Reported,
}

impl Failure {
    /// Says it on the standard error stream, as clap says usage errors.
    pub(super) fn print(&self) {
        if matches!(self, Self::Reported) {
            return;
        }
        let error = clap::builder::Styles::styled().get_error().to_owned();
        // There is nobody left to tell if this fails.
        let _ = writeln!(anstream::stderr().lock(), "{error}error:{error:#} {self}");
    }
}

//! The JSON of scenarios and of their files.

use serde::Serialize;

use crate::report::{FileMistake, ScenarioFile};
use crate::world::Scenario;

/// The result of `mapi-sync scenario list`.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub(super) struct Scenarios<'a> {
    scenarios: Vec<ScenarioRow<'a>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
struct ScenarioRow<'a> {
    name: &'a str,
    about: &'a str,
    accounts: usize,
    mutant: Option<&'a str>,
    /// The digest that tokens of its file carry.
    digest: String,
}

impl<'a> ScenarioRow<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        Self {
            name: &scenario.name,
            about: &scenario.about,
            accounts: scenario.accounts.len(),
            mutant: scenario.mutant.as_deref(),
            digest: format!("{:016x}", scenario.digest()),
        }
    }
}

impl<'a> Scenarios<'a> {
    /// These scenarios.
    pub(super) fn new(scenarios: &'a [Scenario]) -> Self {
        Self { scenarios: scenarios.iter().map(ScenarioRow::new).collect() }
    }
}

/// The result of `mapi-sync scenario check`.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub(super) struct ScenarioFiles<'a> {
    /// Whether every file is valid.
    valid: bool,
    files: Vec<FileRow<'a>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
struct FileRow<'a> {
    path: &'a str,
    valid: bool,
    #[serde(flatten)]
    scenario: Option<ScenarioRow<'a>>,
    #[serde(flatten)]
    mistake: Option<Mistake<'a>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
struct Mistake<'a> {
    /// From 1; `null` if the file could not be read.
    line: Option<usize>,
    /// In characters, from 1.
    column: Option<usize>,
    message: &'a str,
}

impl<'a> ScenarioFiles<'a> {
    /// These files.
    pub(super) fn new(files: &'a [ScenarioFile<'a>]) -> Self {
        let valid = files.iter().all(|file| file.read.is_ok());
        Self { valid, files: files.iter().map(FileRow::new).collect() }
    }
}

impl<'a> FileRow<'a> {
    fn new(file: &'a ScenarioFile<'a>) -> Self {
        let ScenarioFile { path, read } = file;
        let (scenario, mistake) = match read {
            Ok(scenario) => (Some(ScenarioRow::new(scenario)), None),
            Err(mistake) => (None, Some(Mistake::new(mistake))),
        };
        Self { path, valid: read.is_ok(), scenario, mistake }
    }
}

impl<'a> Mistake<'a> {
    fn new(mistake: &'a FileMistake<'a>) -> Self {
        match mistake {
            FileMistake::Invalid(error) => Self {
                line: Some(error.line()),
                column: Some(error.column()),
                message: error.message(),
            },
            FileMistake::Unreadable(message) => Self { line: None, column: None, message },
        }
    }
}

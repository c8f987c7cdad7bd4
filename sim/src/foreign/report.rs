//! The result of a check of a foreign provider.

use mapi_sync::contract::{Level, Party, Violation};
use serde::{Deserialize, Serialize};

use super::Habit;

/// Rules whose violations only the process shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProcessRule {
    /// A sync ends in bounded time.
    Ends,
    /// A provider does not crash or end the process of its host.
    Survives,
    /// No exception leaves a method.
    Exceptions,
    /// A store and its interfaces are one object.
    Identity,
    /// All handles are closed when a sync is over.
    Handles,
    /// Only open handles are closed.
    HandlesOnce,
    /// All threads end when a sync is over.
    Threads,
    /// Memory is given back when a sync is over.
    Memory,
    /// The session's references are given back, each once.
    Session,
    /// A thread that calls MAPIInitialize calls MAPIUninitialize once for that.
    MapiThreads,
    /// The host is not called from `DllMain`.
    LoaderLock,
    /// The library can be unloaded, and the process can end.
    Unload,
}

impl ProcessRule {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Ends,
        Self::Survives,
        Self::Exceptions,
        Self::Identity,
        Self::Handles,
        Self::HandlesOnce,
        Self::Threads,
        Self::Memory,
        Self::Session,
        Self::MapiThreads,
        Self::LoaderLock,
        Self::Unload,
    ];

    /// The rule's name, for example `sync-ends`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Ends => "sync-ends",
            Self::Survives => "process-survives",
            Self::Exceptions => "exceptions-contained",
            Self::Identity => "one-identity",
            Self::Handles => "handles-closed",
            Self::HandlesOnce => "handles-closed-once",
            Self::Threads => "threads-ended",
            Self::Memory => "memory-returned",
            Self::Session => "session-released",
            Self::MapiThreads => "mapi-balanced",
            Self::LoaderLock => "no-call-from-dllmain",
            Self::Unload => "unload-ends",
        }
    }

    /// What a correct provider does, in words.
    #[must_use]
    pub const fn statement(self) -> &'static str {
        match self {
            Self::Ends => "each start returns, and each sync has its Done, within the patience",
            Self::Survives => "the process of the host neither crashes nor ends",
            Self::Exceptions => "no C++ exception leaves a method",
            Self::Identity => {
                "QueryInterface for IUnknown gives the store's own, from IMAPISync too"
            }
            Self::Handles => "all handles are closed when a sync is over",
            Self::HandlesOnce => "only open handles are closed",
            Self::Threads => "all threads end when a sync is over",
            Self::Memory => "the private memory of the process does not grow with every sync",
            Self::Session => "psesSync is released once for each AddRef",
            Self::MapiThreads => {
                "each thread calls MAPIUninitialize as often as MAPIInitialize, and after it"
            }
            Self::LoaderLock => "the host is not called by a thread that holds the loader lock",
            Self::Unload => "the library can be unloaded, and the process can end",
        }
    }
}

/// One violation, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ForeignViolation {
    /// The rule's name: one of the contract's, or of [`ProcessRule`]'s.
    pub rule: String,
    /// `must`, `should` or `policy`.
    pub level: String,
    /// `provider` or `host`.
    pub blame: String,
    /// What happened, in a sentence.
    pub message: String,
    /// The calls that show it.
    pub calls: Vec<String>,
}

impl ForeignViolation {
    /// A violation of a rule of the process.
    #[must_use]
    pub fn of(rule: ProcessRule, message: String) -> Self {
        Self {
            rule: rule.id().into(),
            level: Level::Must.to_string(),
            blame: Party::Provider.to_string(),
            message,
            calls: Vec::new(),
        }
    }
}

impl From<&Violation> for ForeignViolation {
    fn from(violation: &Violation) -> Self {
        let rule = violation.rule;
        Self {
            rule: rule.id().into(),
            level: rule.level().to_string(),
            blame: rule.blame().to_string(),
            message: violation.message.clone(),
            calls: violation.calls.iter().map(ToString::to_string).collect(),
        }
    }
}

/// How often the host did something that not every host does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct HostAction {
    /// A [`Habit`]'s name, or `unload`, `exit` or `mapi-threads`.
    pub what: String,
    /// How often it took effect.
    pub times: u64,
}

/// The counts of a check, and the first violation of each rule. Its message says how many more
/// there were.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ForeignReport {
    /// Syncs that were started.
    pub syncs: u32,
    /// Starts that answered a failure.
    pub failed_starts: u32,
    /// Syncs that ended with a Done.
    pub dones: u64,
    /// Callbacks of all syncs.
    pub calls: u64,
    /// How long it took, in seconds.
    pub elapsed_s: f64,
    /// What the host did, in the order in which it first did it.
    pub exercised: Vec<HostAction>,
    /// Why the provider could not be used, or no further.
    pub unusable: Option<String>,
    /// The violations.
    pub violations: Vec<ForeignViolation>,
}

impl ForeignReport {
    /// Whether rule `id` was found broken.
    #[must_use]
    pub fn breaks(&self, id: &str) -> bool {
        self.violations.iter().any(|violation| violation.rule == id)
    }

    /// Whether the check shows nothing: no sync got as far as its Done, and none broke a rule.
    #[must_use]
    pub fn is_vacuous(&self) -> bool {
        self.violations.is_empty() && self.dones == 0
    }

    /// The habits of a host that had no effect in any sync: a provider that never calls Error, for
    /// example, was never failed one.
    pub fn not_exercised(&self) -> impl Iterator<Item = Habit> + '_ {
        Habit::ALL
            .iter()
            .copied()
            .filter(|habit| !self.exercised.iter().any(|did| did.what == habit.id()))
    }

    /// Adds a violation of a rule of the process.
    pub fn add(&mut self, rule: ProcessRule, message: String) {
        self.violations.push(ForeignViolation::of(rule, message));
    }
}

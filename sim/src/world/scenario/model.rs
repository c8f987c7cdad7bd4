//! What a scenario says, section by section, with defaults and ranges.

use std::fmt;

use mapi_sync::SyncFlags;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::faults::Faults;
use super::protocol::Protocol;
use super::read::{accounts, mutant, some_messages};
use super::swarm::Swarm;
use super::values::{Cost, DAY, flags, label, ranged};
use crate::suggest::nearest;

/// A whole scenario: one kind of execution, of which the search tries many schedules.
///
/// Read one with [`Scenario::parse`]; [`Scenario::to_toml`] writes it back so that it reads the
/// same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The format's version: 1, or 2 for a file that may have a protocol.
    #[serde(deserialize_with = "ranged::<1, 2, _, _>")]
    pub version: u32,
    /// A short name for reports.
    #[serde(deserialize_with = "label")]
    pub name: String,
    /// One sentence on what it shows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The name of a mutant to build in (see `mapi-sync mutants`); none in a scenario that
    /// must hold.
    #[serde(default, deserialize_with = "mutant", skip_serializing_if = "Option::is_none")]
    pub mutant: Option<String>,
    /// The accounts, each with its store and its provider; all are started at once.
    #[serde(rename = "account", deserialize_with = "accounts")]
    pub accounts: Vec<Account>,
    /// How the simulated provider works.
    #[serde(default)]
    pub provider: Provider,
    /// What the simulated provider does, step by step. Then `provider` has only its costs, the
    /// number of its workers and its retries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// How the simulated host behaves.
    #[serde(default)]
    pub host: Host,
    /// Which faults the search may inject, and how many in one execution.
    #[serde(default)]
    pub faults: Faults,
    /// The contract's policies.
    #[serde(default)]
    pub contract: Contract,
}

/// One account: what waits in its mailbox and what the host asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The name in the Send/Receive dialog.
    #[serde(deserialize_with = "label")]
    pub name: String,
    /// `ulFlags` of each start. Which phases run follows from them.
    #[serde(default = "all_phases", with = "flags")]
    pub flags: SyncFlags,
    /// Changed folders on the server: a count (0 to 10,000), or the folders themselves.
    #[serde(default)]
    pub folders: Folders,
    /// New messages in each folder that states no number of its own, 0 to 100,000.
    #[serde(default, deserialize_with = "ranged::<0, 100_000, _, _>")]
    pub messages: u32,
    /// Folders made offline, for UPLOAD_HIERARCHY, 0 to 10,000.
    #[serde(default, deserialize_with = "ranged::<0, 10_000, _, _>")]
    pub new_folders: u32,
    /// Messages changed offline, for UPLOAD_CONTENTS, 0 to 100,000.
    #[serde(default, deserialize_with = "ranged::<0, 100_000, _, _>")]
    pub outgoing: u32,
    /// How many of the folders the user selected; they count only under THESE_FOLDERS. 0 to
    /// 10,000.
    #[serde(default, deserialize_with = "ranged::<0, 10_000, _, _>")]
    pub selected: u32,
}

/// The changed folders of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Folders {
    /// This many, named `Folder 1`, `Folder 2`, ….
    Count(u32),
    /// These.
    Named(Vec<Folder>),
}

/// One folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// Its display name.
    #[serde(deserialize_with = "label")]
    pub name: String,
    /// New messages in it, 0 to 100,000; the account's number if absent.
    #[serde(default, deserialize_with = "some_messages", skip_serializing_if = "Option::is_none")]
    pub messages: Option<u32>,
}

/// How the simulated provider works. Times are virtual milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Provider {
    /// Folders worked on at the same time, 1 to 64.
    #[serde(deserialize_with = "ranged::<1, 64, _, _>")]
    pub workers: u32,
    /// What each step costs.
    pub cost: Costs,
    /// Attempts after the first for a request that the network lost, 0 to 16.
    #[serde(deserialize_with = "ranged::<0, 16, _, _>")]
    pub retries: u32,
    /// The pause before each such attempt, 0 to a day.
    #[serde(deserialize_with = "ranged::<0, DAY, _, _>")]
    pub retry_delay_ms: u64,
    /// How often progress is reported.
    pub progress: Step,
    /// The wording of progress.
    pub text: Text,
    /// What `ulIndexMax` says.
    pub maximum: Maximum,
    /// How a cancel request is obeyed.
    pub on_cancel: CancelStyle,
    /// How an error in one folder is taken.
    pub on_error: ErrorStyle,
    /// Whether Done hands the published handle back, or NULL.
    pub done_handle: bool,
    /// What is published as the sync-done event.
    pub event: Published,
    /// When the start returns.
    pub returns: Returns,
    /// What a second start meets while a sync runs.
    pub overlap: OverlapStyle,
    /// The time without a call after which a progress report without a text is sent, 0 (never) to
    /// a day.
    #[serde(deserialize_with = "ranged::<0, DAY, _, _>")]
    pub keep_alive_ms: u64,
}

/// What each step of the provider costs, in virtual milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Costs {
    /// Logging on to the server, once a sync.
    pub connect: Cost,
    /// Listing or creating one folder.
    pub folder: Cost,
    /// One message's headers.
    pub header: Cost,
    /// One message's body, unless only headers are asked for.
    pub body: Cost,
    /// Uploading one message.
    pub upload: Cost,
}

/// How often progress is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// After each message.
    Message,
    /// After each folder.
    Folder,
}

/// The wording of progress reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Text {
    /// A text with each report that names the current step.
    Changing,
    /// The same text each time.
    Unchanged,
    /// NULL: only the position moves.
    Null,
}

/// What `ulIndexMax` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Maximum {
    /// The number of steps, known from the start of the phase.
    Known,
    /// Grows from phase to phase as work becomes known.
    Growing,
    /// 0 throughout: the amount of work is not known.
    Zero,
}

/// How a cancel request is obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CancelStyle {
    /// The step at hand is finished first.
    AfterStep,
    /// The step at hand is dropped.
    AtOnce,
}

/// How an error in one folder is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorStyle {
    /// It is reported and the rest goes on: the sync ends with a partial completion.
    Continue,
    /// It is reported and ends the sync.
    Stop,
}

/// What is published as the sync-done event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Published {
    /// An event object.
    Event,
    /// The handle of the worker thread, which is signalled when the thread ends.
    Thread,
}

/// When SynchronizeInBackground returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Returns {
    /// As soon as the work is started; it may be over even so.
    AtOnce,
    /// After Done.
    AfterDone,
}

/// What a second start meets while a sync of the same store runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OverlapStyle {
    /// MAPI_E_BUSY.
    Busy,
    /// A sync of its own beside the first.
    OwnSync,
}

/// How the simulated host behaves. Times are virtual milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Host {
    /// Syncs of each account, one after the other, 1 to 1,000.
    #[serde(deserialize_with = "ranged::<1, 1_000, _, _>")]
    pub syncs: u32,
    /// When the next one is started.
    pub next_sync: NextSync,
    /// How long each callback takes to answer.
    pub callback: Cost,
    /// What the host waits for before it takes a sync as over.
    pub wait: WaitFor,
    /// Whether a second sync is started while the first one runs.
    pub overlap_start: bool,
    /// Users' cancels in one execution, 0 to 1,000; whether they happen is a decision of the
    /// search.
    #[serde(deserialize_with = "ranged::<0, 1_000, _, _>")]
    pub cancels: u32,
    /// How long after the start a user cancels.
    pub cancel_after: Cost,
    /// How a cancel reaches the provider.
    pub cancel_by: CancelBy,
    /// Whether the host may shut down in the middle, and how; whether it does is a decision of the
    /// search.
    pub shutdown: Shutdown,
    /// How long after the start it does, and how long a fast shutdown takes from the notice to the
    /// exit.
    pub shutdown_after: Cost,
    /// Whether a callback may start another sync from inside Progress.
    pub reentrant: bool,
    /// What a random search may vary of this host from one execution to the next.
    pub swarm: Swarm,
}

/// When the next sync of an account is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NextSync {
    /// After Done and the event.
    AfterDone,
    /// From inside Done.
    InsideDone,
}

/// What the host waits for before it takes a sync as over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WaitFor {
    /// For the event, which it then closes.
    Event,
    /// For Done alone; a handle that comes with it is closed at once, inside Done.
    Done,
}

/// How a cancel reaches the provider. Either way all syncs that run are asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CancelBy {
    /// The next Progress or Error answers MAPI_W_CANCEL_MESSAGE.
    Answer,
    /// The request's signal.
    Signal,
    /// One of the two, as the search decides.
    Either,
}

/// How a host shuts down. In a scenario file, `false` and `true` stand for `"never"` and
/// `"released"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Shutdown {
    /// It does not.
    #[default]
    Never,
    /// In full: it asks the syncs that run to stop, and releases the store. A provider
    /// that has [`ProviderShutdown`](mapi_sync::ProviderShutdown) is told by StoreLogoff before.
    Released,
    /// It asks for a fast shutdown, which another provider of the session refuses, and goes on in
    /// the full way.
    FastRefused,
    /// In a fast way: QueryFastShutdown, NotifyProcessShutdown, DoFastShutdown, and the process
    /// exits. Where the provider refuses, it is the full way; where it has no such interface, it
    /// is told nothing.
    Fast,
}

impl Shutdown {
    /// All of them. Tokens hold their places.
    pub const ALL: [Self; 4] = [Self::Never, Self::Released, Self::FastRefused, Self::Fast];

    /// The name in a scenario file and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Released => "released",
            Self::FastRefused => "fast-refused",
            Self::Fast => "fast",
        }
    }

    /// The one at this place, or the last.
    pub(super) fn of_place(place: u64) -> Self {
        let last = Self::ALL.len() - 1;
        Self::ALL[usize::try_from(place).map_or(last, |place| place.min(last))]
    }

    /// Whether it is any but [`Never`](Self::Never).
    #[must_use]
    pub const fn is_possible(self) -> bool {
        !matches!(self, Self::Never)
    }

    /// Whether it begins as a fast one.
    #[must_use]
    pub const fn is_fast(self) -> bool {
        matches!(self, Self::Fast | Self::FastRefused)
    }
}

impl From<bool> for Shutdown {
    fn from(possible: bool) -> Self {
        if possible { Self::Released } else { Self::Never }
    }
}

impl From<Shutdown> for bool {
    fn from(shutdown: Shutdown) -> Self {
        shutdown.is_possible()
    }
}

impl Serialize for Shutdown {
    // A digest that a token holds covers the form of older values.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Never => serializer.serialize_bool(false),
            Self::Released => serializer.serialize_bool(true),
            Self::FastRefused | Self::Fast => serializer.serialize_str(self.name()),
        }
    }
}

impl<'de> Deserialize<'de> for Shutdown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl Visitor<'_> for Read {
            type Value = Shutdown;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, or a way to shut down")
            }

            fn visit_bool<E>(self, possible: bool) -> Result<Shutdown, E> {
                Ok(possible.into())
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Shutdown, E> {
                let known = Shutdown::ALL.into_iter().find(|way| way.name() == name);
                known.ok_or_else(|| {
                    let names = Shutdown::ALL.map(Shutdown::name);
                    let near = nearest(name, &names).map_or_else(
                        || format!("there are {}", names.join(", ")),
                        |near| format!("did you mean `{near}`?"),
                    );
                    E::custom(format!("unknown value `{name}`, {near}"))
                })
            }
        }

        deserializer.deserialize_any(Read)
    }
}

/// The contract's policies: what the interface's documentation leaves open. Times are virtual
/// milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Contract {
    /// The time from a cancel request to Done, 1 to a day.
    #[serde(deserialize_with = "ranged::<1, DAY, _, _>")]
    pub cancel_within_ms: u64,
    /// The longest time without a callback while work is going on, 1 to a day.
    #[serde(deserialize_with = "ranged::<1, DAY, _, _>")]
    pub bounded_silence_ms: u64,
    /// Whether callbacks of one sync must not overlap one another.
    pub serial_calls: bool,
    /// Whether a second start while one runs is judged.
    pub overlap: bool,
}

impl Account {
    /// How many folders have changed.
    pub fn folder_count(&self) -> u32 {
        match &self.folders {
            Folders::Count(count) => *count,
            Folders::Named(folders) => u32::try_from(folders.len()).unwrap_or(u32::MAX),
        }
    }

    /// New messages in the folder numbered `index`, from 0.
    pub fn messages_in(&self, index: u32) -> u32 {
        match &self.folders {
            Folders::Count(_) => self.messages,
            Folders::Named(folders) => folders
                .get(index as usize)
                .and_then(|folder| folder.messages)
                .unwrap_or(self.messages),
        }
    }

    /// The display name of the folder numbered `index`, from 0.
    pub fn folder_name(&self, index: u32) -> String {
        match &self.folders {
            Folders::Named(folders) if (index as usize) < folders.len() => {
                folders[index as usize].name.clone()
            }
            _ => format!("Folder {}", index + 1),
        }
    }

    /// Folders and messages together.
    pub(super) fn work(&self) -> u64 {
        let messages: u64 =
            (0..self.folder_count()).map(|folder| u64::from(self.messages_in(folder))).sum();
        messages
            + u64::from(self.folder_count())
            + u64::from(self.new_folders)
            + u64::from(self.outgoing)
    }
}

impl Default for Folders {
    fn default() -> Self {
        Self::Count(0)
    }
}

impl Default for Provider {
    fn default() -> Self {
        Self {
            workers: 2,
            cost: Costs::default(),
            retries: 1,
            retry_delay_ms: 50,
            progress: Step::Message,
            text: Text::Changing,
            maximum: Maximum::Known,
            on_cancel: CancelStyle::AfterStep,
            on_error: ErrorStyle::Continue,
            done_handle: true,
            event: Published::Event,
            returns: Returns::AtOnce,
            overlap: OverlapStyle::Busy,
            keep_alive_ms: 0,
        }
    }
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            connect: Cost::Fixed(20),
            folder: Cost::Fixed(10),
            header: Cost::Fixed(1),
            body: Cost::Fixed(5),
            upload: Cost::Fixed(5),
        }
    }
}

impl Default for Host {
    fn default() -> Self {
        Self {
            syncs: 1,
            next_sync: NextSync::AfterDone,
            callback: Cost::ZERO,
            wait: WaitFor::Event,
            overlap_start: false,
            cancels: 0,
            cancel_after: Cost::Uniform(0, 60),
            cancel_by: CancelBy::Either,
            shutdown: Shutdown::Never,
            shutdown_after: Cost::Uniform(0, 60),
            reentrant: false,
            swarm: Swarm::NONE,
        }
    }
}

impl Default for Contract {
    fn default() -> Self {
        Self {
            cancel_within_ms: 30_000,
            bounded_silence_ms: 60_000,
            serial_calls: false,
            overlap: true,
        }
    }
}

/// The flags of the four phases.
pub(super) fn all_phases() -> SyncFlags {
    SyncFlags::UPLOAD_HIERARCHY
        | SyncFlags::DOWNLOAD_HIERARCHY
        | SyncFlags::UPLOAD_CONTENTS
        | SyncFlags::DOWNLOAD_CONTENTS
}

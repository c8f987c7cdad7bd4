//! A protocol: what a provider does, step by step, written in the scenario file.

mod step;

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use toml::Spanned;

pub use self::step::ProtocolStep;
pub(in crate::world) use self::step::{Amount, Duration, Keys};

/// A provider as a file describes it: its start, its tasks, and what they share.
///
/// The reference page is `docs/protocol.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Protocol {
    /// Numbers that the tasks of one sync share, with their first values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<String, i64>,
    /// Numbers that all syncs of one store share, with their first values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub store: BTreeMap<String, i64>,
    /// Queues that the tasks of one sync share, with the most values that each holds; 0 is any
    /// number.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub queues: BTreeMap<String, u32>,
    /// Locks that the tasks of one sync share.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<String>,
    /// Whether a sync keeps its store alive until its last task has ended.
    pub keeps_store: bool,
    /// What SynchronizeInBackground does before it returns.
    pub start: Vec<ProtocolStep>,
    /// The tasks by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub task: BTreeMap<String, Vec<ProtocolStep>>,
    /// What runs, as a task of its own, after a task of this name was dropped before its end.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped: BTreeMap<String, Vec<ProtocolStep>>,
    /// What the author promises of the counters, by name: this is never so.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub never: BTreeMap<String, Promise>,
    /// This is so once, before everything has ended.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub eventually: BTreeMap<String, Promise>,
    /// This is so when everything has ended.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub at_end: BTreeMap<String, Promise>,
    /// What the provider does at a shutdown; none if it learns of none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shutdown: Option<Handlers>,
}

/// A condition over counters that the author promises something of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Promise(Spanned<String>);

impl Promise {
    /// The condition.
    #[must_use]
    pub fn condition(&self) -> &str {
        self.0.get_ref()
    }

    /// Where it stands in its text, in bytes.
    pub(in crate::world) fn span(&self) -> Range<usize> {
        self.0.span()
    }
}

/// What a protocol does when its host's process ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Handlers {
    /// In NotifyProcessShutdown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<ProtocolStep>,
    /// In DoFastShutdown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exit: Vec<ProtocolStep>,
    /// In StoreLogoff.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logoff: Vec<ProtocolStep>,
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            counters: BTreeMap::new(),
            store: BTreeMap::new(),
            queues: BTreeMap::new(),
            locks: Vec::new(),
            keeps_store: true,
            start: Vec::new(),
            task: BTreeMap::new(),
            dropped: BTreeMap::new(),
            never: BTreeMap::new(),
            eventually: BTreeMap::new(),
            at_end: BTreeMap::new(),
            shutdown: None,
        }
    }
}

impl Protocol {
    /// Gives each step its line in `source`, which it was read from.
    pub(super) fn locate(&mut self, source: &str) {
        let lists = self.task.values_mut().chain(self.dropped.values_mut());
        let handlers = self.shutdown.as_mut().into_iter();
        let handlers = handlers.flat_map(|all| [&mut all.notify, &mut all.exit, &mut all.logoff]);
        let lines = Lines::of(source);
        for steps in std::iter::once(&mut self.start).chain(lists).chain(handlers) {
            steps.iter_mut().for_each(|step| step.locate(&lines));
        }
    }
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(source: &str) -> Self {
        let ends = source.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self(ends.map(|(at, _)| at + 1).collect())
    }

    /// The line that the byte at this offset is on, from 1.
    fn line(&self, offset: usize) -> u32 {
        let before = self.0.partition_point(|start| *start <= offset);
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }
}
